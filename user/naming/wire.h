// What sockdogd and sockdog-names say to each other: a datagram each, in CBOR. Both sides take the other's
// for hostile: what is missing, too long or of another type is refused. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "base/process_id.h"
#include "base/result.h"
#include "callsite/call_site.h"

namespace sockdog::naming {

/// The kernel's default send buffer (net.core.wmem_max) takes one of that size.
inline constexpr std::size_t kMostBytes = 128U << 10;
/// Of a call site that is answered; the outer frames beyond are cut.
inline constexpr std::size_t kMostFrames = 128;

struct ProcessEnded {
    ProcessId process;
};
using Request = std::variant<CallStack, ProcessEnded>;

std::vector<std::uint8_t> encode(const Request& request);
Result<Request> decode_request(std::span<const std::uint8_t> bytes);

/// Names are cut so that it fits.
std::vector<std::uint8_t> encode(const CallSite& site);
Result<CallSite> decode_site(std::span<const std::uint8_t> bytes);

}  // namespace sockdog::naming
