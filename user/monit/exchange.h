// What sockdogd and its helper say to each other: one JSON object in, one line of JSON out. Any thread.
//
//   in   {"url": "http://127.0.0.1:2812", "socket": "", "user": "", "password": "", "timeout_ms": 5000,
//         "lineage": [4242, 4200]}
//   out  {"result": "accepted", "service": "web"}
//        {"result": "refused" or "failed", "service": "web" or "", "reason": "a sentence"}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "monit/client.h"

namespace sockdog::monit {

struct Request {
    Access access;
    Duration timeout{};
    std::vector<std::uint32_t> lineage;
};

Result<Request> parse_request(std::string_view json);

/// Asks monit, decides, and restarts where it may. The line to write, without its end; at most 4000 bytes.
std::string carry_out(const Request& request);
std::string failure_line(const std::string& reason);

}  // namespace sockdog::monit
