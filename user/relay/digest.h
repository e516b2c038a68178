// SHA-256 HMACs and their spelling in lower-case hex. libcrypto stays behind this header. Pure functions, any
// thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sockdog {

/// 64 hex digits.
std::string hmac_sha256_hex(std::string_view key, std::string_view message);

/// `bytes` random bytes from the system, in hex.
Result<std::string> random_hex(std::size_t bytes);

/// Whether `pem` holds at least one certificate that parses.
bool holds_certificate(std::string_view pem);

}  // namespace sockdog
