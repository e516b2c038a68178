#include "cli/check.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "cli/words.h"

namespace sockdog {
namespace {

/// Share of the books' capacity in use at which somebody should raise it; the rest is room for a storm.
constexpr std::uint64_t kFullPercent = 90;

bool nearly_full(std::uint64_t used, std::uint64_t capacity) {
    return capacity > 0 && used >= capacity * kFullPercent / 100;
}

/// A plugin's text is one line, and '|' begins the performance data.
std::string one_line(std::string_view text) {
    std::string out = printable(text);
    std::replace(out.begin(), out.end(), '|', '/');
    return out;
}

struct Judgement {
    CheckState state = CheckState::kOk;
    std::vector<std::string> reasons;
    void add(CheckState worse, std::string reason) {
        state = std::max(state, worse);
        reasons.push_back(std::move(reason));
    }
};

Judgement judge(const StatusView& s, std::uint64_t lost_before) {
    Judgement judgement;
    const std::uint32_t critical = std::min(s.critical_incidents, s.open_incidents);
    if (critical > 0) judgement.add(CheckState::kCritical, count_of(critical, "critical incident"));
    if (s.open_incidents > critical) {
        judgement.add(CheckState::kWarning, count_of(s.open_incidents - critical, "open incident"));
    }
    if (s.losses.lost() > lost_before) {
        judgement.add(CheckState::kWarning, "losses grow (" + std::to_string(lost_before) + " to " +
                                                std::to_string(s.losses.lost()) + ")");
    }
    if (nearly_full(s.sockets, s.max_sockets)) {
        judgement.add(CheckState::kWarning, "socket books almost full (raise books.max_sockets)");
    }
    if (nearly_full(s.processes, s.max_processes)) {
        judgement.add(CheckState::kWarning, "process books almost full (raise books.max_processes)");
    }
    if (s.held) judgement.add(CheckState::kWarning, "remedies on hold: " + one_line(*s.held));
    if (!s.config_error.empty()) {
        const auto first = split(s.config_error, '\n').front();
        judgement.add(CheckState::kWarning, "configuration not accepted: " + one_line(first));
    }
    return judgement;
}

std::string limits(std::uint64_t capacity) {
    if (capacity == 0) return ";;;0";
    return ";" + std::to_string(capacity * kFullPercent / 100) + ";;0;" + std::to_string(capacity);
}

std::string perfdata(const StatusView& s) {
    const auto number = [](std::uint64_t value) { return std::to_string(value); };
    return "incidents=" + number(s.open_incidents) +
           ";0;;0 critical_incidents=" + number(s.critical_incidents) + ";;0;0" +
           " sockets=" + number(s.sockets) + limits(s.max_sockets) + " processes=" + number(s.processes) +
           limits(s.max_processes) + " established=" + number(s.totals.in(TcpState::kEstablished)) +
           ";;;0 close_wait=" + number(s.totals.in(TcpState::kCloseWait)) +
           ";;;0 losses=" + number(s.losses.lost()) + "c;;;0 memory=" + number(s.memory_bytes) +
           "B;;;0 cpu_ms=" +
           number(static_cast<std::uint64_t>(std::max(0.0, std::min(s.cpu_seconds, 1e15)) * 1000)) +
           "c;;;0 fds=" + number(s.open_fds) + ";;;0";
}

const char* name_of(CheckState state) {
    switch (state) {
        case CheckState::kOk:
            return "OK";
        case CheckState::kWarning:
            return "WARNING";
        case CheckState::kCritical:
            return "CRITICAL";
        case CheckState::kUnknown:
            break;
    }
    return "UNKNOWN";
}

}  // namespace

CheckResult check_status(const StatusView& status, const std::optional<StatusView>& later) {
    const StatusView& s = later ? *later : status;
    const Judgement judgement = judge(s, status.losses.lost());
    std::string text;
    for (const std::string& reason : judgement.reasons) text += (text.empty() ? "" : ", ") + reason;
    if (text.empty()) {
        text = "no open incident, " + count_of(s.sockets, "socket") + " of " +
               count_of(s.processes, "process") + " watched";
        if (s.losses.lost() > 0) text += ", " + std::to_string(s.losses.lost()) + " losses, not growing";
    }
    return {judgement.state,
            "SOCKDOG " + std::string(name_of(judgement.state)) + " - " + text + " | " + perfdata(s) + "\n"};
}

CheckResult check_unknown(const std::string& why) {
    return {CheckState::kUnknown, "SOCKDOG UNKNOWN - " + one_line(why) + "\n"};
}

}  // namespace sockdog
