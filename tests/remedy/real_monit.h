// A real monit with a control file of its own, on a port of its own of 127.0.0.1, with everything it writes
// in a folder that goes with it. What it watches ends with it.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "base/proc_root.h"
#include "base/unique_fd.h"
#include "temp_dir.h"

extern char** environ;

namespace sockdog::testing {
namespace monit_tools {

inline bool eventually(const std::function<bool()>& holds,
                       std::chrono::seconds limit = std::chrono::seconds(20)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
}

inline sockaddr_in loopback(unsigned port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

inline unsigned free_port() {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto address = loopback(0);
    socklen_t size = sizeof(address);
    ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

/// Nobody listens on it now.
inline bool is_free(unsigned port) {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int yes = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const auto address = loopback(port);
    return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

}  // namespace monit_tools

class RealMonit {
  public:
    static constexpr const char* kProgram = "/usr/bin/monit";
    static bool installed() { return ::access(kProgram, X_OK) == 0; }

    /// Watches a service "web" whose main process runs `body`, a shell script with the pid file as $1. It
    /// ends by itself after a minute.
    /// `port` 0: it answers on a unix socket.
    explicit RealMonit(const std::string& body, unsigned port = monit_tools::free_port()) : port_(port) {
        ::chmod(folder_.path().c_str(), 0711);  // the socket is for nobody
        const std::string pidfile = folder_ / "web.pid";
        (void)folder_.put("body.sh", body);
        (void)folder_.put("start.sh", "/bin/sh " + (folder_ / "body.sh").string() + " " + pidfile +
                                          " >/dev/null 2>&1 & echo $! > " + pidfile + "\n");
        (void)folder_.put("stop.sh", "kill $(cat " + pidfile + ")\n");
        const std::string control = folder_.put("monitrc", control_file(pidfile));
        ::chmod(control.c_str(), 0600);
        const std::string log = folder_ / "output";
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        posix_spawn_file_actions_adddup2(&actions, 1, 2);
        std::string args[] = {kProgram, "-I", "-c", control};
        char* argv[] = {args[0].data(), args[1].data(), args[2].data(), args[3].data(), nullptr};
        if (::posix_spawn(&pid_, kProgram, &actions, nullptr, argv, environ) != 0) pid_ = -1;
        posix_spawn_file_actions_destroy(&actions);
    }
    ~RealMonit() {
        if (pid_ > 0) {
            ::kill(pid_, SIGTERM);
            // It may be waiting for a stubborn process: no longer than its time limit.
            if (!monit_tools::eventually([this] { return ::waitpid(pid_, nullptr, WNOHANG) != 0; })) {
                ::kill(pid_, SIGKILL);
                ::waitpid(pid_, nullptr, 0);
            }
        }
        for (const auto pid : {web(), child()}) {
            if (pid && runs_our_script_or_sleeps(*pid)) ::kill(static_cast<pid_t>(*pid), SIGKILL);
        }
    }
    RealMonit(const RealMonit&) = delete;
    RealMonit& operator=(const RealMonit&) = delete;

    [[nodiscard]] std::string url() const {
        return port_ == 0 ? "unix:" + (folder_ / "monit.sock").string()
                          : "http://127.0.0.1:" + std::to_string(port_);
    }
    /// A file with good credentials; another password makes them bad.
    [[nodiscard]] std::string credentials(const std::string& password = "sesame") const {
        std::string file = folder_.put("credentials", "vcap:" + password + "\n");
        ::chmod(file.c_str(), 0600);
        return file;
    }
    /// Of the running main process, as its pid file says.
    [[nodiscard]] std::optional<std::uint32_t> web() const { return pid_in("web.pid"); }
    /// Of what the script has put into "$1.child".
    [[nodiscard]] std::optional<std::uint32_t> child() const { return pid_in("web.pid.child"); }
    [[nodiscard]] std::string log() const {
        std::ifstream in(folder_ / "output");
        return {std::istreambuf_iterator<char>(in), {}};
    }
    /// True once monit has seen the service running: before, it tells no pid.
    [[nodiscard]] bool up() const {
        return monit_tools::eventually([this] {
            return web() && log().find("'web' process is running with pid") != std::string::npos &&
                   (!has_child() || child());
        });
    }
    [[nodiscard]] bool said(const std::string& text) const {
        return monit_tools::eventually([&] { return log().find(text) != std::string::npos; });
    }
    /// What an operator types: monit's own command line, which asks the running one.
    [[nodiscard]] bool operate(const std::string& verb) const {
        std::string args[] = {kProgram, "-c", (folder_ / "monitrc").string(), verb, "web"};
        char* argv[] = {args[0].data(), args[1].data(), args[2].data(),
                        args[3].data(), args[4].data(), nullptr};
        pid_t pid = -1;
        if (::posix_spawn(&pid, kProgram, nullptr, nullptr, argv, environ) != 0) return false;
        int status = 0;
        return ::waitpid(pid, &status, 0) == pid && status == 0;
    }

  private:
    [[nodiscard]] std::string listens_on() const {
        if (port_ == 0) return "unixsocket " + (folder_ / "monit.sock").string() + " permission 0666";
        return "port " + std::to_string(port_) + " and use address 127.0.0.1";
    }
    [[nodiscard]] std::string control_file(const std::string& pidfile) const {
        const auto file = [this](const char* name) { return (folder_ / name).string(); };
        return "set daemon 1\nset pidfile " + file("monit.pid") + "\nset idfile " + file("monit.id") +
               "\nset statefile " + file("monit.state") + "\nset httpd " + listens_on() +
               "\n  allow vcap:sesame\ncheck process web with pidfile " + pidfile +
               "\n  start program = \"/bin/sh " + file("start.sh") + "\"\n  stop program = \"/bin/sh " +
               file("stop.sh") + "\" with timeout 2 seconds\n";
    }
    [[nodiscard]] bool has_child() const {
        std::ifstream in(folder_ / "body.sh");
        return std::string(std::istreambuf_iterator<char>(in), {}).find("$1.child") != std::string::npos;
    }
    [[nodiscard]] std::optional<std::uint32_t> pid_in(const std::string& name) const {
        std::ifstream in(folder_ / name);
        std::uint32_t pid = 0;
        if (!(in >> pid) || pid <= 1) return std::nullopt;
        return pid;
    }
    /// A pid file may be older than the process that has the pid now.
    [[nodiscard]] bool runs_our_script_or_sleeps(std::uint32_t pid) const {
        const auto arguments = ProcRoot().read(pid, "cmdline");
        if (!arguments) return false;
        return arguments->find(folder_.path().string()) != std::string::npos ||
               *arguments == std::string("sleep\00060\0", 9);
    }

    fixtures::TempDir folder_;
    unsigned port_;
    pid_t pid_ = -1;
};

}  // namespace sockdog::testing
