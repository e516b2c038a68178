#include "incident/advice.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/text.h"

namespace sockdog {
namespace {

/// Fewer requests than this a connection: a client made for each.
constexpr double kOneRequest = 1.5;

std::string number(double value) {
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), value < 10 ? "%.1f" : "%.0f", value);
    return text.data();
}

std::string capitalised(std::string text) {
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text;
}

double births_per_minute(const Finding& f) {
    if (f.window <= Duration::zero()) return 0;
    return static_cast<double>(f.opened_in_window) * 60e9 / static_cast<double>(f.window.count());
}

bool one_request_each(const Finding& f) {
    return f.requests_per_connection > 0 && f.requests_per_connection < kOneRequest;
}

/// "Each carried about one request and was in use for 12ms; 4.0 a minute are opened".
std::string use_in_numbers(const Finding& f) {
    const double births = births_per_minute(f);
    std::string text = one_request_each(f)
                           ? "Each carried about one request"
                           : "Each carried about " + number(f.requests_per_connection) + " requests";
    if (f.busy_median > Duration::zero()) text += " and was in use for " + format_duration(f.busy_median);
    if (births > 0) text += "; " + number(births) + " a minute are opened";
    return text;
}

/// "keep one client" or "use a pool", with the numbers that say so. Begins small: it may follow other advice.
std::string reuse(const Finding& f) {
    const std::uint32_t enough = enough_connections(f);
    if (enough == 0 || f.requests_per_connection <= 0)
        return "keep one client for this endpoint and reuse it.";
    const std::string numbers = use_in_numbers(f);
    if (enough == 1)
        return "keep one client and reuse it. " + numbers + ": one connection can carry them all.";
    return "use a pool of about " + std::to_string(enough) + " connections. " + numbers + ": about " +
           std::to_string(enough) + " at once are enough, bursts included.";
}

std::string of_opened(const Finding& f, LeakClass leak_class) {
    if (leak_class == LeakClass::kChurn) return capitalised(reuse(f));
    if (leak_class == LeakClass::kIdleGrowth) {
        if (f.recv_queue_median >= kBodyBytes)
            return "Read each response body to its end or close the response; only then can its connection "
                   "be used "
                   "again.";
        return "Close each client when its answer is read, or better: " + reuse(f);
    }
    if (leak_class == LeakClass::kDeadFd)
        return "Close the socket when a read, a write or a connect fails (ECONNRESET, EPIPE, ETIMEDOUT), "
               "before the next "
               "try.";
    if (leak_class == LeakClass::kHalfClosed)
        return "After shutdown(SHUT_WR) read to the end of the stream, then close; give that read a timeout.";
    if (f.recv_queue_median == 0)
        return "Close the connection when read() returns 0, on every path, errors included.";
    if (one_request_each(f))
        return "Close each client, response or connection when it is done with, errors included; or "
               "better: " +
               reuse(f);
    return "Close each client, response or connection when it is done with, errors included.";
}

std::string of_accepted(const Finding& f, LeakClass leak_class) {
    if (leak_class == LeakClass::kIdleGrowth || leak_class == LeakClass::kChurn)
        return "Give idle connections a timeout, and turn on TCP keep-alive for clients that vanish without "
               "a word.";
    if (leak_class == LeakClass::kDeadFd)
        return "Close the connection when a read or a write on it fails (ECONNRESET, EPIPE, ETIMEDOUT).";
    if (leak_class == LeakClass::kHalfClosed)
        return "After shutdown(SHUT_WR) read to the end of the stream, then close; give that read a timeout.";
    if (f.recv_queue_median == 0)
        return "When read() returns 0 the client is done: finish the answer and close the connection.";
    return "The handler stopped reading and forgot the connection: close it on every path, errors included, "
           "and give idle "
           "connections a timeout.";
}

}  // namespace

std::uint32_t enough_connections(const Finding& f) {
    const double births_a_second = births_per_minute(f) / 60;
    if (births_a_second <= 0 || f.busy_median < Duration::zero()) return 0;
    const double at_once = births_a_second * static_cast<double>(f.busy_median.count()) / 1e9;
    // Below a tenth of one in use a second request hardly ever meets the first.
    if (at_once < 0.1) return 1;
    return static_cast<std::uint32_t>(std::min(std::ceil(at_once * 2) + 1, 1e6));
}

std::string advice(const Finding& f) {
    const LeakClass leak_class = cause_of(f);
    switch (leak_class) {
        case LeakClass::kBacklog:
            return "Look at what the accepting thread waits for: it has not called accept() for that long. "
                   "Accept in a "
                   "thread that does nothing else, or give what it does a timeout.";
        case LeakClass::kUnused:
            return "Close each socket on the paths that give up before connect() or listen(), errors "
                   "included.";
        case LeakClass::kInherited:
            return "Open the connections close-on-exec (SOCK_CLOEXEC, FD_CLOEXEC), or start the child with "
                   "its other "
                   "descriptors closed (close_fds, closefrom()).";
        case LeakClass::kExhaustion:
            if (f.ports && f.leaked < f.ports->limit / 10)
                return "No process holds many of the ports: they are in TIME_WAIT, connections that this "
                       "host closed within "
                       "the last minute. Reuse connections instead of making one a request; as a stop-gap "
                       "widen "
                       "net.ipv4.ip_local_port_range.";
            return "These connections are in use: use fewer at once, spread them over more addresses, or "
                   "widen "
                   "net.ipv4.ip_local_port_range (ports) or LimitNOFILE= (fds).";
        default:
            break;
    }
    return f.role == SocketRole::kAccepted ? of_accepted(f, leak_class) : of_opened(f, leak_class);
}

}  // namespace sockdog
