// `sockdog scan`: what one look, or two looks with a pause, say about leaks without a daemon. Pure. Any
// thread.
//
//   look      | suspicious when
//   ----------|------------------------------------------------------------------------------------------------
//   one       | at least kSuspiciousCount sockets of one kind, process and endpoint
//   two       | that many stayed the whole pause; or all of the first look stayed and kSuspiciousGrowth or
//   more came
//             | (idle ones: kSuspiciousCount or more came, and those of the first look stayed without a byte)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "cli/local.h"
#include "cli/style.h"

namespace sockdog {

/// Healthy shared clients keep 2-3 in CLOSE_WAIT between two requests; the daemon's default limit is the same
/// number.
inline constexpr std::uint32_t kSuspiciousCount = 8;
inline constexpr std::uint32_t kSuspiciousGrowth = 2;

enum class ScanKind : std::uint8_t {
    kCloseWait,    // the peer closed, the program holds the fd
    kDead,         // the kernel is done with it, the program holds the fd
    kNotAccepted,  // the peer closed before anybody called accept()
    kUnread,       // ESTABLISHED with data that nobody read for a minute
    kIdle,         // ESTABLISHED and quiet; told only when it grew between two looks
};
std::string_view to_string(ScanKind kind);

/// Sockets of one kind, process and endpoint.
struct ScanGroup {
    ScanKind kind = ScanKind::kCloseWait;
    ProcessId process;
    std::string name;
    bool accepted = false;  // then `endpoint` is the local one
    Endpoint endpoint;
    std::uint32_t netns = 0;
    std::uint32_t count = 0;
    std::optional<Duration> oldest;  // longest known time in state
    Duration longest_idle{};
    std::uint32_t recv_queue_median = 0;
    std::uint32_t recv_queue_max = 0;
    std::optional<std::uint32_t> before;  // at the first look, when there were two
    std::uint32_t stayed = 0;             // of those, still there
    bool suspicious = false;
};

struct ScanReport {
    std::vector<ScanGroup> groups;  // suspicious ones first, then the largest
    Duration watched{};             // pause between two looks, 0: one look
    [[nodiscard]] bool suspicious() const { return !groups.empty() && groups.front().suspicious; }
};

/// `before` is the look `watched` ago; nothing: one look.
ScanReport judge_scan(const ScanResult& look, const ScanResult* before, Duration watched, const Now& now);
std::string render_scan(const ScanReport& report, const ScanResult& look, const Style& style);
nlohmann::json scan_json(const ScanReport& report, const ScanResult& look);

}  // namespace sockdog
