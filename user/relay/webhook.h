// The receiver "webhook": one POST of JSON a revision, signed where a secret is set. docs/webhooks.md is its
// contract with the other side. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace sockdog {

/// "t=UNIX_SECONDS,v1=HEX": the HMAC-SHA256 of "UNIX_SECONDS.BODY". The time is signed so that a receiver can
/// refuse replays.
std::string webhook_signature(const std::string& secret, std::int64_t unix_seconds, const std::string& body);

}  // namespace sockdog
