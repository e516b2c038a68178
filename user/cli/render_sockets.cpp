#include <algorithm>
#include <set>

#include "cli/render.h"
#include "cli/table.h"
#include "cli/words.h"

namespace sockdog {
namespace {

/// CLOSE_WAIT, dead, then what is alive, listeners last.
int rank(TcpState state) {
    switch (state) {
        case TcpState::kCloseWait:
            return 0;
        case TcpState::kClose:
            return 1;
        case TcpState::kFinWait2:
            return 2;
        case TcpState::kEstablished:
            return 3;
        case TcpState::kListen:
            return 5;
        default:
            return 4;
    }
}

/// Only states in which data may flow have an idle time that means something.
bool carries_data(TcpState state) {
    return state != TcpState::kListen && state != TcpState::kSynSent && state != TcpState::kSynRecv &&
           state != TcpState::kClose;
}

Tone tone_of(const SocketRecord& socket) {
    if (socket.state == TcpState::kCloseWait) return Tone::kBad;
    return socket.state == TcpState::kClose ? Tone::kWarning : Tone::kPlain;
}

void sort_sockets(std::vector<SocketView>& sockets) {
    std::stable_sort(sockets.begin(), sockets.end(), [](const SocketView& a, const SocketView& b) {
        if (a.socket.state != b.socket.state) {
            const int a_rank = rank(a.socket.state);
            const int b_rank = rank(b.socket.state);
            return a_rank != b_rank ? a_rank < b_rank : a.socket.state < b.socket.state;
        }
        // Unknown means from before the books: older than every known time.
        return a.socket.state_since < b.socket.state_since;
    });
}

}  // namespace

std::string endpoint_text(const Endpoint& endpoint) {
    return endpoint.family == 0 ? "-" : endpoint.to_string();
}

std::string remark_of(const SocketRecord& socket) {
    if (socket.orphaned) return "orphaned";
    const bool connection = socket.state == TcpState::kEstablished || socket.state == TcpState::kCloseWait;
    if (connection && !socket.has_fd && socket.role != SocketRole::kOpened) return "not accepted";
    if (socket.holders > 1) return "held by " + std::to_string(socket.holders) + " processes";
    return {};
}

std::string render_sockets(std::vector<SocketView> sockets, const Now& now, const Style& style) {
    if (sockets.empty()) return "No TCP socket matches.\n";
    sort_sockets(sockets);
    return socket_table(sockets, now, style);
}

std::string socket_table(const std::vector<SocketView>& sockets, const Now& now, const Style& style) {
    std::set<std::uint32_t> namespaces;
    for (const SocketView& view : sockets) namespaces.insert(view.socket.netns);
    const auto number = [](const char* title, int expendable) {
        return Column{title, Align::kRight, expendable, 0, false};
    };
    Table table({Column{"STATE", Align::kLeft, 0, 0, false},
                 Column{"LOCAL", Align::kLeft, 4, kWholeEndpoint, false},
                 Column{"REMOTE", Align::kLeft, 0, kWholeEndpoint, false}, number("AGE", 5),
                 number("IN STATE", 0), number("IDLE", 3), number("RECV-Q", 2), number("SEND-Q", 7),
                 Column{"ROLE", Align::kLeft, 8, 0, false}, number("PID", 1),
                 Column{"NAME", Align::kLeft, 3, 10, false}, Column{"NETNS", Align::kRight, 9, 0, true},
                 Column{"REMARK", Align::kLeft, 6, 0, true}});
    for (const SocketView& view : sockets) {
        const SocketRecord& s = view.socket;
        const std::string name =
            s.owner.known() ? (view.owner_name.empty() ? view.comm : view.owner_name) : "(no process)";
        table.add({Cell{std::string(to_string(s.state)), tone_of(s)}, endpoint_text(s.local),
                   endpoint_text(s.remote), format_since(s.opened, now), format_since(s.state_since, now),
                   carries_data(s.state) ? format_duration(s.idle()) : "-",
                   std::to_string(s.recv_queue_bytes), std::to_string(s.send_queue_bytes),
                   std::string(to_string(s.role)), pid_text(s.owner), name,
                   namespaces.size() > 1 ? std::to_string(s.netns) : "", remark_of(s)});
    }
    return table.render(style);
}

}  // namespace sockdog
