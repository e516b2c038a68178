#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "cli/explain.h"
#include "cli/words.h"
#include "incident/advice.h"

namespace sockdog {
namespace {

/// Rates below this show as 0.0 and forecast nothing.
constexpr double kSlowestRate = 0.05;

std::string endpoint_of(const Finding& f) {
    return f.endpoint.family == 0 ? "an unknown endpoint" : f.endpoint.to_string();
}

bool accepted(const Finding& f) {
    return f.role == SocketRole::kAccepted;
}

std::string connections_are(std::uint64_t count) {
    return count_of(count, "connection") + (count == 1 ? " is" : " are");
}

/// Recv-Q of a TLS close_notify (23 to 53 bytes with its record header, by cipher) and the FIN that counts as
/// one.
bool looks_like_close_notify(std::uint32_t bytes) {
    return (bytes >= 24 && bytes <= 33) || bytes == 54;
}

std::string time_left(std::uint64_t used, std::uint64_t limit, double per_minute) {
    return format_duration(seconds_of(static_cast<double>(limit - used) / per_minute * 60));
}

/// "in 3h to 4h", "in 3h or later", "in about 3h".
std::string when(const Forecast& forecast) {
    const std::string earliest = format_duration(forecast.earliest);
    if (!forecast.latest) return "in " + earliest + " at the earliest";
    const std::string latest = format_duration(*forecast.latest);
    return earliest == latest ? "in about " + earliest : "in " + earliest + " to " + latest;
}

std::string fd_forecast(const Finding& f, const ExplainView& view, const LocalFacts& facts) {
    const std::uint64_t limit = f.fds ? f.fds->limit : view.fd_limit;
    if (limit == 0) return {};
    const bool exact = facts.open_fds.has_value() || f.fds;
    const std::uint64_t used =
        facts.open_fds.value_or(f.fds ? f.fds->used : std::max(view.socket_count, f.leaked));
    std::string text = (exact ? "It has " : "Its TCP sockets alone take ") + std::to_string(used) +
                       " of its " + std::to_string(limit) + " fds" + (exact ? " in use" : "");
    if (used >= limit) return text + ": none is left, and every open, connect and accept fails with EMFILE.";
    if (f.slope_per_minute < kSlowestRate) return text + ".";
    if (f.fds && f.fds->runs_out)
        return text + "; at this pace they run out " + when(*f.fds->runs_out) + " (EMFILE).";
    return text + "; at this pace they run out in " + (exact ? "about " : "at most ") +
           time_left(used, limit, f.slope_per_minute) + " (EMFILE).";
}

std::string port_forecast(const Finding& f, const LocalFacts& facts) {
    const std::uint64_t limit = f.ports ? f.ports->limit : facts.local_ports.value_or(0);
    if (limit == 0 || f.role != SocketRole::kOpened) return {};
    const std::uint64_t used = f.ports ? f.ports->used : std::uint64_t{f.close_wait} + f.established;
    if (used >= limit) {
        return " All " + std::to_string(limit) +
               " local ports to that endpoint are taken: any process of this host fails to connect there "
               "(EADDRNOTAVAIL).";
    }
    std::string text = " It also takes " + std::to_string(used) + " of the " + std::to_string(limit) +
                       " local ports to that endpoint";
    const bool forecast = f.ports && f.ports->runs_out;
    if (f.slope_per_minute < kSlowestRate) return text + ".";
    return text + "; those run out " +
           (forecast ? when(*f.ports->runs_out) : "in about " + time_left(used, limit, f.slope_per_minute)) +
           ", and then innocent processes fail to connect there as well (EADDRNOTAVAIL).";
}

std::string restart_hint(const Owner& owner) {
    std::string how;
    if (!owner.bosh_job.empty()) {
        how = "monit restart " + owner.bosh_job;
    } else if (!owner.container_id.empty()) {
        if (owner.container_runtime != "docker" && owner.container_runtime != "podman") return {};
        how = owner.container_runtime + " restart " + owner.container_id.substr(0, 12);
    } else if (owner.user_unit.ends_with(".service")) {
        how = "systemctl --user restart " + owner.user_unit;
    } else if (owner.unit.ends_with(".service") && owner.user_unit.empty()) {
        how = "systemctl restart " + owner.unit;
    }
    return how.empty() ? "" : " Until then a restart frees them: " + printable(how);
}

std::string beside(const Finding& f, std::uint32_t count, const char* state) {
    if (count == 0) return {};
    return " Another " + std::to_string(count) +
           (accepted(f) ? " on the same listener" : " to the same endpoint") +
           (count == 1 ? " is " : " are ") + state + ".";
}

std::string victims_sentence(const Finding& f) {
    if (f.victims.empty())
        return f.failures > 0 ? " " + count_of(f.failures, "attempt") + " of its own failed." : "";
    constexpr std::size_t kNamed = 5;
    std::string text = " Others suffer: ";
    const std::size_t named = std::min(f.victims.size(), kNamed);
    for (std::size_t i = 0; i < named; ++i) {
        const Victim& victim = f.victims[i];
        text += (i == 0 ? "" : ", ") + printable(victim.name.empty() ? "a process" : victim.name) + " (pid " +
                std::to_string(victim.process.pid) + ") could not connect " +
                std::to_string(victim.failures) + (victim.failures == 1 ? " time" : " times") + " since " +
                format_local(victim.first);
    }
    if (f.victims.size() > named) text += " and " + std::to_string(f.victims.size() - named) + " more";
    text += " (EADDRNOTAVAIL)";
    return text + (f.failures > 0 ? "; " + count_of(f.failures, "attempt") + " of its own failed." : ".");
}

std::string exhaustion_sentence(const Finding& f) {
    std::string text;
    if (fds_end_first(f)) {
        text = "It uses up its file descriptors: " + std::to_string(f.fds->used) + " of " +
               std::to_string(f.fds->limit) + " are taken";
        text += ", " + std::to_string(f.leaked) + " of them by " +
                (f.endpoint.family == 0 ? "unused sockets."
                                        : "connections " + std::string(accepted(f) ? "accepted on " : "to ") +
                                              endpoint_of(f) + ".");
    } else {
        text = "It uses up the local ports to " + endpoint_of(f);
        if (f.ports)
            text +=
                ": " + std::to_string(f.ports->used) + " of " + std::to_string(f.ports->limit) + " are taken";
        text += ", " + std::to_string(f.leaked) + " by this process.";
    }
    if (f.cause) {
        Finding leak = f;
        leak.leak_class = *f.cause;
        text += " " + leak_sentence(leak);
    }
    return text + victims_sentence(f);
}

}  // namespace

std::string leak_sentence(const Finding& f) {
    const std::string where = endpoint_of(f);
    const std::string side = (accepted(f) ? "accepted on " : "to ") + where;
    const std::string dwell = format_duration(f.oldest_dwell);
    std::string text;
    switch (f.leak_class) {
        case LeakClass::kCloseWait:
            text = "It does not close connections " + side +
                   (accepted(f) ? " after the clients closed their end" : " after the peer closed its end") +
                   ": " + connections_are(f.leaked) +
                   " in CLOSE_WAIT with the fd still open, the oldest for " + dwell + ".";
            return text + beside(f, f.established, "ESTABLISHED");
        case LeakClass::kIdleGrowth:
            text = accepted(f)
                       ? "It accepts ever more connections on " + where + " and closes none of them"
                       : "It opens ever more connections to " + where + " and uses none of them again";
            text += ": " + connections_are(f.leaked) +
                    " ESTABLISHED and idle since the first exchange, the longest for " + dwell + ".";
            if (f.close_wait > 0) {
                text += " Another " + std::to_string(f.close_wait) + (f.close_wait == 1 ? " is" : " are") +
                        " in CLOSE_WAIT: the peer gave up and the program did not notice.";
            }
            return text;
        case LeakClass::kBacklog:
            text = "It does not accept connections on " + where +
                   " any more: " + count_of(f.leaked, "connection") + (f.leaked == 1 ? " was" : " were") +
                   " given up by the client while waiting, the oldest arrived " + dwell + " ago.";
            if (f.backlog_limit > 0)
                text += " The listener lets " + std::to_string(f.backlog_limit) +
                        " wait; then clients cannot connect.";
            return text;
        case LeakClass::kDeadFd:
            return "It does not close connections " + side + " that are dead: " + connections_are(f.leaked) +
                   " reset, timed out or refused, the oldest for " + dwell +
                   ". The kernel is done with them and ss does not show them; each still takes an fd." +
                   beside(f, f.established, "ESTABLISHED");
        case LeakClass::kHalfClosed:
            return "It shut down its side of connections " + side +
                   " and did not close them: " + connections_are(f.leaked) +
                   " in FIN_WAIT2 with the fd still open, the oldest for " + dwell +
                   ". As long as the fd is open this state has no timeout.";
        case LeakClass::kUnused:
            return "It makes sockets and neither connects nor listens: " + count_of(f.leaked, "socket") +
                   (f.leaked == 1 ? " is" : " are") + " unused, the oldest for " + dwell +
                   ". ss does not show them; each takes an fd.";
        case LeakClass::kInherited:
            return "It holds connections " + side + " that " + opener_of(f) +
                   " opened and has closed: " + connections_are(f.leaked) + " idle, the longest for " +
                   dwell +
                   ". It was started while they were open, and they are not close-on-exec; as long as it "
                   "runs the peers "
                   "never see an end.";
        case LeakClass::kChurn:
            return "It opens a connection to " + where +
                   " for each request, uses it once and leaves it to the server to "
                   "close: " +
                   connections_are(f.leaked) + " idle at any time, none older than " + dwell +
                   ". That is bounded, hence no leak, but work and memory on both sides.";
        case LeakClass::kExhaustion:
            return exhaustion_sentence(f);
    }
    return text;
}

std::string growth_sentence(const Finding& f) {
    if (f.leak_class == LeakClass::kChurn && f.window > Duration::zero())
        return "It does not grow: in " + format_duration(f.window) + " " +
               std::to_string(f.opened_in_window) + " were opened and " + std::to_string(f.closed_in_window) +
               " closed again.";
    if (f.window <= Duration::zero()) return "How fast that grows is not known yet.";
    const std::string window = format_duration(f.window);
    std::string text;
    if (f.slope_per_minute >= kSlowestRate) {
        text = "That grows by " + format_rate(f.slope_per_minute) + " a minute, measured over " + window;
        if (f.growing_windows > 1)
            text += " (" + std::to_string(f.growing_windows) + " windows of growth in a row)";
    } else if (f.slope_per_minute <= -kSlowestRate) {
        text = "That shrinks by " + format_rate(-f.slope_per_minute) + " a minute, measured over " + window;
    } else {
        text = "That did not grow in the last " + window;
    }
    if (f.opened_in_window == 0) return text + ".";
    return text + "; in that time " + std::to_string(f.opened_in_window) +
           (f.opened_in_window == 1 ? " was " : " were ") + (accepted(f) ? "accepted" : "opened") + " and " +
           std::to_string(f.closed_in_window) + " of those closed again.";
}

std::string places_sentence(const Finding& f) {
    std::string text;
    for (const CodePlace& one : f.opened_by)
        text += (text.empty() ? "Opened by " : ", ") + printable(one.place) + " (" +
                std::to_string(one.sockets) + " of " + std::to_string(f.leaked) + ")";
    return text.empty() ? text : text + ".";
}

std::string forgotten_sentence(const Finding& f) {
    const LeakClass leak_class = cause_of(f);
    // Only where a program could have read, and did or did not.
    const bool telling = leak_class == LeakClass::kCloseWait || leak_class == LeakClass::kIdleGrowth;
    if (!telling) return {};
    const std::uint32_t bytes = f.recv_queue_median;
    if (leak_class == LeakClass::kIdleGrowth) {
        if (bytes == 0)
            return "Recv-Q is 0: the program read all that came and then left the connections alone.";
        if (bytes < kBodyBytes)
            return "Recv-Q is " + count_of(bytes, "byte") + ": the end of an answer was never read.";
        return "Recv-Q is " + format_bytes(bytes) + " (at most " + format_bytes(f.recv_queue_max) +
               "): response bodies were begun and abandoned, nobody reads them.";
    }
    if (bytes == 0)
        return "Recv-Q is 0: the program read the end of the stream (EOF) and then did not close.";
    if (bytes == 1) {
        return "Recv-Q is 1, the peer's FIN: the program did not even look at these connections since the "
               "peer closed them. "
               "They are abandoned, but something still holds them.";
    }
    if (looks_like_close_notify(bytes)) {
        return "Recv-Q is " + std::to_string(bytes) +
               ", the size of a TLS close_notify and the FIN: nobody reads these connections any more. They "
               "are abandoned, but "
               "something still holds them.";
    }
    return "Recv-Q is " + format_bytes(bytes) + " (at most " + format_bytes(f.recv_queue_max) +
           "): data came and was never read. These connections are abandoned, but something still holds "
           "them.";
}

std::string forecast_sentence(const Finding& finding, const ExplainView& view, const LocalFacts& facts) {
    return std::string(trim(fd_forecast(finding, view, facts) + port_forecast(finding, facts)));
}

std::string cure_sentence(const Finding& finding, const Owner& owner) {
    return advice(finding) + (is_leak(finding) ? restart_hint(owner) : "");
}

}  // namespace sockdog
