// A receiver's side: a real HTTP server on loopback that remembers what it was told and answers as the test
// wants.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"

namespace sockdog::test {

struct Received {
    std::string path;
    std::string body;
    std::map<std::string, std::string> headers;
    [[nodiscard]] std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? "" : found->second;
    }
};

struct Answer {
    int status = 200;
    std::map<std::string, std::string> headers = {};
    std::string body = "ok";
    bool hang = false;  // until release() or the end
};

/// PEM files of a certificate for 127.0.0.1 that signs itself.
struct Certificate {
    std::string certificate_file;
    std::string key_file;
};
Certificate make_certificate(const std::string& folder);

class FakeReceiver {
  public:
    /// How to answer the n-th request (0 is the first). Called on the server's threads, one at a time.
    using Behaviour = std::function<Answer(std::size_t n, const Received& request)>;

    /// `port` 0: any that is free. Listens when the constructor returns.
    explicit FakeReceiver(Behaviour behaviour = {}, int port = 0, const Certificate* certificate = nullptr);
    ~FakeReceiver();
    FakeReceiver(const FakeReceiver&) = delete;
    FakeReceiver& operator=(const FakeReceiver&) = delete;

    [[nodiscard]] int port() const;
    [[nodiscard]] std::string url(const std::string& path = "/hook") const;
    [[nodiscard]] std::vector<Received> received() const;
    /// False when `count` requests did not come within `patience`.
    [[nodiscard]] bool wait_for(std::size_t count, Duration patience = 30s) const;
    /// Lets hanging answers go.
    void release();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// A free port of 127.0.0.1 that nobody listens on.
int unused_port();

/// Accepts connections and resets each at once. Listens when the constructor returns.
class ResettingServer {
  public:
    /// `port` 0: any that is free.
    explicit ResettingServer(int port = 0);
    ~ResettingServer();
    ResettingServer(const ResettingServer&) = delete;
    ResettingServer& operator=(const ResettingServer&) = delete;
    [[nodiscard]] std::string url() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Looks at `condition` until it holds or `patience` ends.
bool eventually(const std::function<bool()>& condition, Duration patience = 30s);

}  // namespace sockdog::test
