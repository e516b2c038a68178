// A stage for the whole thing: the real daemons, real programs, a real receiver, everything in a folder of
// its own.
#pragma once

#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "private_bpffs.h"

namespace sockdog::testing {

/// A program that ends with this object.
class Program {
  public:
    Program(const std::vector<std::string>& arguments, const std::filesystem::path& log);
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    /// Sends `signal` and waits for the end.
    void end(int signal);
    /// Waits for its own end: the exit code, 128 and more for a signal.
    int wait();
    [[nodiscard]] pid_t pid() const { return pid_; }

  private:
    pid_t pid_ = -1;
};

struct Received {
    std::string idempotency_key;
    nlohmann::json body;
};

/// Takes webhooks on loopback.
class AlertReceiver {
  public:
    AlertReceiver();
    ~AlertReceiver();
    [[nodiscard]] int port() const { return port_; }
    /// Those with this "event", in order of arrival.
    [[nodiscard]] std::vector<Received> events(const std::string& name) const;

  private:
    httplib::Server server_;
    std::thread thread_;
    int port_ = 0;
    mutable std::mutex mutex_;
    std::vector<Received> received_;
};

class Stage {
  public:
    Stage();
    ~Stage();

    void write_config(const std::string& policies);
    void start_agent();
    void start_relay();
    /// From the next write_config() on: the books outlive the agent. Why they cannot; empty when they can.
    std::string pin_books();
    [[nodiscard]] std::filesystem::path path(const std::string& name) const { return folder_ / name; }
    [[nodiscard]] nlohmann::json call(const std::string& method, const nlohmann::json& parameters = {}) const;
    /// Exit code and output of the sockdog command.
    [[nodiscard]] std::pair<int, std::string> cli(const std::string& arguments) const;
    std::unique_ptr<Program> script(const std::string& name, const std::vector<std::string>& arguments) const;
    /// Logs of both daemons, for failure messages.
    [[nodiscard]] std::string logs() const;

    AlertReceiver receiver;
    std::unique_ptr<Program> agent;
    std::unique_ptr<Program> relay;

  private:
    std::filesystem::path folder_;
    std::unique_ptr<fixtures::PrivateBpffs> bpffs_;  // none: the books are not pinned
};

/// Pids in a file, one a line.
std::vector<pid_t> pids_in(const std::filesystem::path& file);
/// A port of 127.0.0.1 that nobody listens on.
int free_port();
bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit);
/// Why the daemons cannot run here; empty when they can.
std::string cannot_run();

}  // namespace sockdog::testing
