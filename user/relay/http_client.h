// One POST at a time over libcurl, which stays behind this header. Promises: TLS is verified, no redirect and
// no proxy is followed, http and https only, bounded time and bytes, and no connection is kept: a peer that
// hangs up on an idle one would leave us with the very CLOSE_WAIT socket that we warn of. post() on one
// thread, interrupt() on any.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace sockdog {

struct HttpRequest {
    std::string url;
    std::vector<std::string> headers;  // "Name: value"
    std::string_view body;             // outlives the call
    std::string ca_file;
    std::string credentials;  // "user:password" for basic authentication; empty: none
    std::string user_agent;
    Duration timeout = 10s;  // name resolution to last byte
};

struct HttpAnswer {
    int status = 0;       // 0: there was no answer, and `error` says why
    std::string error;    // curl's words; also beside a status, when the connection broke after it
    std::string excerpt;  // the beginning of the body; foreign bytes
    std::optional<Duration> retry_after;
    bool certificate_refused = false;
    bool interrupted = false;
};

class HttpClient {
  public:
    static Result<std::unique_ptr<HttpClient>> create();
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    HttpAnswer post(const HttpRequest& request);
    /// The running and every later post() returns at once, `interrupted`.
    void interrupt();

  private:
    struct Impl;
    explicit HttpClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Absolute, http or https, with a host, no control characters. The message does not repeat the URL: it may
/// hold secrets.
Status check_url(const std::string& url);

}  // namespace sockdog
