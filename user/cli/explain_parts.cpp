#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "cli/explain.h"
#include "cli/words.h"

namespace sockdog {
namespace {

/// Recv-Q above which it is a body that waits rather than a few bytes of protocol.
constexpr std::uint32_t kBodyBytes = 1024;
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

/// One request a connection, roughly: a client made per request.
bool one_request_each(const Finding& f) {
    return f.requests_per_connection > 0 && f.requests_per_connection < 1.5;
}

std::string time_left(std::uint64_t used, std::uint64_t limit, double per_minute) {
    return format_duration(seconds_of(static_cast<double>(limit - used) / per_minute * 60));
}

std::string fd_forecast(const Finding& f, const ExplainView& view, const LocalFacts& facts) {
    const std::uint64_t limit = view.fd_limit;
    if (limit == 0) return {};
    const bool exact = facts.open_fds.has_value();
    const std::uint64_t used = facts.open_fds.value_or(std::max(view.socket_count, f.leaked));
    std::string text = (exact ? "It has " : "Its TCP sockets alone take ") + std::to_string(used) +
                       " of its " + std::to_string(limit) + " fds" + (exact ? " in use" : "");
    if (used >= limit) return text + ": none is left, and every open, connect and accept fails with EMFILE.";
    if (f.slope_per_minute < kSlowestRate) return text + ".";
    return text + "; at this pace they run out in " + (exact ? "about " : "at most ") +
           time_left(used, limit, f.slope_per_minute) + " (EMFILE).";
}

std::string port_forecast(const Finding& f, const LocalFacts& facts) {
    if (!facts.local_ports || *facts.local_ports == 0 || accepted(f)) return {};
    const std::uint64_t used = std::uint64_t{f.close_wait} + f.established;
    const std::string limit = std::to_string(*facts.local_ports);
    if (used >= *facts.local_ports) {
        return " All " + limit +
               " local ports to that endpoint are taken: any process of this host fails to connect there "
               "(EADDRNOTAVAIL).";
    }
    std::string text =
        " It also takes " + std::to_string(used) + " of the " + limit + " local ports to that endpoint";
    if (f.slope_per_minute < kSlowestRate) return text + ".";
    return text + "; those run out in about " + time_left(used, *facts.local_ports, f.slope_per_minute) +
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

std::string close_wait_cure(const Finding& f) {
    if (accepted(f) && f.recv_queue_median == 0) {
        return "When read() returns 0 the client is done: finish the answer and close the connection.";
    }
    if (accepted(f)) {
        return "The handler stopped reading and forgot the connection: close it on every path, errors "
               "included, and give "
               "idle connections a timeout.";
    }
    if (f.recv_queue_median == 0)
        return "Close the connection when read() returns 0, on every path, errors included.";
    std::string text = "Close each client, response or connection when it is done with, errors included";
    if (one_request_each(f))
        return text + "; or better, keep one client and reuse it: each of these carried about one request.";
    return text + ", or keep one client and reuse it.";
}

std::string idle_growth_cure(const Finding& f) {
    if (accepted(f)) {
        return "Give idle connections a timeout, and turn on TCP keep-alive for clients that vanish without "
               "a word.";
    }
    if (f.recv_queue_median >= kBodyBytes) {
        return "Read each response body to its end or close the response; only then can its connection be "
               "used again.";
    }
    std::string text =
        "Keep one client for this endpoint and reuse it, or close each when its answer is read";
    return text + (one_request_each(f) ? ": each of these carried about one request." : ".");
}

}  // namespace

std::string leak_sentence(const Finding& f) {
    const std::string where = endpoint_of(f);
    const std::string dwell = format_duration(f.oldest_dwell);
    std::string text;
    if (f.leak_class == LeakClass::kCloseWait) {
        text = accepted(f) ? "It does not close connections accepted on " + where +
                                 " after the clients closed their end"
                           : "It does not close connections to " + where + " after the peer closed its end";
        text += ": " + connections_are(f.leaked) + " in CLOSE_WAIT with the fd still open, the oldest for " +
                dwell + ".";
        if (f.established > 0) {
            text += " Another " + std::to_string(f.established) +
                    (accepted(f) ? " on the same listener" : " to the same endpoint") +
                    (f.established == 1 ? " is" : " are") + " ESTABLISHED.";
        }
        return text;
    }
    text = accepted(f) ? "It accepts ever more connections on " + where + " and closes none of them"
                       : "It opens ever more connections to " + where + " and uses none of them again";
    text += ": " + connections_are(f.leaked) +
            " ESTABLISHED and idle since the first exchange, the longest for " + dwell + ".";
    if (f.close_wait > 0) {
        text += " Another " + std::to_string(f.close_wait) + (f.close_wait == 1 ? " is" : " are") +
                " in CLOSE_WAIT: the peer gave up and the program did not notice.";
    }
    return text;
}

std::string growth_sentence(const Finding& f) {
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

std::string forgotten_sentence(const Finding& f) {
    const std::uint32_t bytes = f.recv_queue_median;
    if (f.leak_class == LeakClass::kIdleGrowth) {
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
    const bool close_wait = finding.leak_class == LeakClass::kCloseWait;
    return (close_wait ? close_wait_cure(finding) : idle_growth_cure(finding)) + restart_hint(owner);
}

}  // namespace sockdog
