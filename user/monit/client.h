// monit's HTTP API: the two requests that a restart needs, under one time limit. Promises: no proxy, no
// redirect followed, no other protocol, answers bounded (kMostBytes, 64 KiB of headers). Blocks; one thread.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace sockdog::monit {

struct Access {
    std::string url;     // "http://127.0.0.1:2812", without a slash at its end
    std::string socket;  // path of a unix socket in place of the host; empty: none
    std::string user;    // empty: no credentials
    std::string password;
};

class Client {
  public:
    /// `timeout`: for all requests together, from now.
    Client(Access access, Duration timeout);

    /// The XML of /_status.
    Result<std::string> status() const;
    /// Success: monit has accepted the restart, which it carries out in its own time.
    Status restart(const std::string& service) const;

  private:
    struct Answer {
        long status = 0;
        std::string body;
    };
    [[nodiscard]] Result<Answer> request(const std::string& path, const std::string& form,
                                         const std::string& cookie) const;

    Access access_;
    std::chrono::steady_clock::time_point deadline_;
};

}  // namespace sockdog::monit
