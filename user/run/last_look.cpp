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
    looked_at_ = now;
    seen_.clear();
    if (!sockets) return;
    for (const SocketRecord& socket : *sockets) {
        if (!socket.has_fd || !socket.state_since || now - *socket.state_since < kLingered) continue;
        HeldSocket held{socket, socket.owner, "", now, true, std::nullopt};
        if (tree.holds(held)) seen_[socket.owner].push_back(std::move(held));
    }
}

void LastLook::process_ended(ProcessId process, MonoTime at, const std::string& comm) {
    const auto found = seen_.find(process);
    // An older look says nothing about the end.
    if (found == seen_.end() || at - looked_at_ > kLongestPause + kPause) return;
    for (HeldSocket& held : found->second) {
        held.comm = comm;
        if (lingered_.size() < kMostLingered) lingered_.push_back(std::move(held));
    }
    seen_.erase(found);
}

}  // namespace sockdog
