#include "run/leak.h"

#include <algorithm>
#include <tuple>

namespace sockdog {
namespace {

bool was_connected(const SocketRecord& socket) {
    // The ACK of the SYN counts as a byte. One that was reset before anybody accepted it has received none.
    return socket.bytes_received > 0 || (socket.role == SocketRole::kOpened && socket.bytes_acked > 0);
}

/// The moment up to which the program could have closed it.
MonoTime last_chance(const HeldSocket& held) {
    return held.end_of_process && *held.end_of_process < held.at ? *held.end_of_process : held.at;
}

std::optional<RunClass> class_of(const HeldSocket& held) {
    const SocketRecord& socket = held.socket;
    TcpState state = socket.state;
    const bool over = state == TcpState::kCloseWait || state == TcpState::kClose;
    if (state == TcpState::kClose && !was_connected(socket)) return std::nullopt;
    if (over && socket.state_since && last_chance(held) - *socket.state_since < kNoticeTime)
        state = TcpState::kEstablished;  // as it was before the end began
    // A dead socket is out of its file already when the kernel tells of its end.
    if (!socket.has_fd && socket.state != TcpState::kClose) return std::nullopt;
    if (state == TcpState::kCloseWait) return RunClass::kCloseWait;
    if (state == TcpState::kClose) return RunClass::kDeadFd;
    if (state != TcpState::kEstablished || socket.role != SocketRole::kOpened) return std::nullopt;
    if (!held.process_ended && socket.idle() < kIdleTime) return std::nullopt;
    return RunClass::kOpen;
}

std::string key_of(const Leak& leak) {
    const std::string start = std::string(to_string(leak.leak_class)) + '\n';
    if (const CallFrame* frame = leak.site.application_frame()) return start + to_long_string(*frame);
    return start + '\n' + leak.held.comm + '\n' + leak.endpoint().to_string();
}

void add(LeakGroup& to, const Leak& leak) {
    const SocketRecord& socket = leak.held.socket;
    if (to.count++ == 0) {
        to.leak_class = leak.leak_class;
        to.role = socket.role;
        to.site = leak.site;
        to.comm = leak.held.comm;
    }
    ++to.endpoints[leak.endpoint()];
    to.processes.insert(leak.held.process);
    if (socket.opened) to.oldest = std::max(to.oldest, leak.held.at - *socket.opened);
    to.recv_queue_max_bytes = std::max(to.recv_queue_max_bytes, socket.recv_queue_bytes);
}

}  // namespace

std::string_view to_string(RunClass leak_class) {
    switch (leak_class) {
        case RunClass::kCloseWait:
            return "close_wait";
        case RunClass::kOpen:
            return "open";
        case RunClass::kDeadFd:
            return "dead_fd";
    }
    return "unknown";
}

std::optional<RunClass> run_class_from(std::string_view name) {
    for (const RunClass one : kRunClasses) {
        if (to_string(one) == name) return one;
    }
    return std::nullopt;
}

std::string_view describe(RunClass leak_class) {
    switch (leak_class) {
        case RunClass::kCloseWait:
            return "The peer closed the connection first and the program never closed it";
        case RunClass::kOpen:
            return "The program left a connection open that it had made";
        case RunClass::kDeadFd:
            return "The program kept the file descriptor of a connection that was reset or timed out";
    }
    return "";
}

std::optional<RunClass> classify(const HeldSocket& held, const LeakRules& rules) {
    // Without a time it is from before the books were opened, and so from before the command.
    if (!held.socket.opened || *held.socket.opened < rules.counted_from) return std::nullopt;
    const auto found = class_of(held);
    return found && rules.classes.contains(*found) ? found : std::nullopt;
}

Endpoint Leak::endpoint() const {
    return held.socket.role == SocketRole::kAccepted ? held.socket.local : held.socket.remote;
}

std::string LeakGroup::place() const {
    const CallFrame* frame = site.application_frame();
    return frame == nullptr ? "(line not known)" : to_string(*frame);
}

std::vector<LeakGroup> group(const std::vector<Leak>& leaks) {
    std::map<std::string, LeakGroup> by_key;
    for (const Leak& leak : leaks) add(by_key[key_of(leak)], leak);
    std::vector<LeakGroup> groups;
    groups.reserve(by_key.size());
    for (auto& [key, one] : by_key) groups.push_back(std::move(one));
    std::stable_sort(groups.begin(), groups.end(), [](const LeakGroup& a, const LeakGroup& b) {
        return std::tuple(b.count, a.leak_class) < std::tuple(a.count, b.leak_class);
    });
    return groups;
}

}  // namespace sockdog
