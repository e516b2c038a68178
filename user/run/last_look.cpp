#include "run/last_look.h"

#include <algorithm>

namespace sockdog {
namespace {

constexpr std::size_t kMostLingered = 100'000;
constexpr std::uint32_t kOver =
    1U << static_cast<unsigned>(TcpState::kCloseWait) | 1U << static_cast<unsigned>(TcpState::kClose);

}  // namespace

void LastLook::turn(const Books& books, const Tree& tree, MonoTime now) {
    if (now < next_) return;
    const auto sockets = books.walk(WalkFilter{.owner = {}, .state_mask = kOver});
    const Duration took = read_now().mono - now;
    next_ = now + std::clamp<Duration>(20 * took, kPause, kLongestPause);
    if (!sockets) return;
    for (const SocketRecord& socket : *sockets) {
        if (!socket.has_fd || !socket.opened || !socket.state_since || now - *socket.state_since < kLingered)
            continue;
        HeldSocket held{socket, socket.owner, "", now, true, std::nullopt};
        if (tree.holds(held))
            seen_[socket.owner].insert_or_assign({socket.id, *socket.opened}, std::move(held));
    }
    for (auto& [process, held] : seen_)
        std::erase_if(held, [&](const auto& entry) { return now - entry.second.at > kShutdown; });
}

void LastLook::process_ended(ProcessId process, MonoTime at, const std::string& comm) {
    const auto found = seen_.find(process);
    if (found == seen_.end()) return;
    for (auto& [key, held] : found->second) {
        if (at - held.at > kShutdown || lingered_.size() >= kMostLingered) continue;
        held.comm = comm;
        lingered_.push_back(std::move(held));
    }
    seen_.erase(found);
}

}  // namespace sockdog
