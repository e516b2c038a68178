#include "simulator.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>

namespace sockdog::testing {
namespace {

constexpr ProcessId kProcess{4242, 777};

std::uint32_t& slot(Gauges& gauges, TcpState state) {
    return gauges.sockets[static_cast<std::size_t>(state)];
}

}  // namespace

Endpoint endpoint(std::uint16_t port, std::uint8_t last_octet) {
    Endpoint e;
    e.family = AF_INET;
    e.address = {127, 0, 0, last_octet};
    e.port = port;
    return e;
}

Limits demo_limits() {
    Limits limits;
    limits.close_wait.dwell = 1s;
    limits.idle_growth.survivors = 8;
    limits.idle_growth.window = 2s;
    limits.idle_growth.min_age = 1s;
    return limits;
}

Simulator::Simulator(SimOptions options) : options_(options) {}

std::size_t Simulator::open(const Endpoint& peer, SocketRole role) {
    const std::size_t id = next_id_++;
    SocketRecord s;
    s.id = 0xffff000000000000U + id * 64;
    s.owner = kProcess;
    s.role = role;
    const auto ephemeral = static_cast<std::uint16_t>(32768 + id % 28000);
    s.local = role == SocketRole::kOpened ? endpoint(ephemeral) : peer;
    s.remote = role == SocketRole::kOpened ? peer : endpoint(ephemeral);
    s.netns = 4026531840U;
    s.has_fd = true;
    s.holders = 1;
    s.opened = now_;
    ++(role == SocketRole::kOpened ? gauges_.opened : gauges_.accepted);
    live_.emplace(id, s);
    last_data_[id] = now_;
    enter(live_.at(id), TcpState::kEstablished);
    return id;
}

void Simulator::enter(SocketRecord& socket, TcpState state) {
    if (socket.state != TcpState::kUnknown) --slot(gauges_, socket.state);
    ++slot(gauges_, state);
    socket.state = state;
    socket.state_since = now_;
}

void Simulator::exchange(std::size_t id, std::uint32_t segments) {
    const auto it = live_.find(id);
    if (it == live_.end() || it->second.state != TcpState::kEstablished) return;
    it->second.data_segments_in += segments;
    it->second.data_segments_out += segments;
    last_data_[id] = now_;
}

void Simulator::receive(std::size_t id) {
    const auto it = live_.find(id);
    if (it == live_.end() || it->second.state == TcpState::kClose) return;
    ++it->second.data_segments_in;
    last_data_[id] = now_;
}

void Simulator::peer_closes(std::size_t id) {
    const auto it = live_.find(id);
    if (it == live_.end() || it->second.state != TcpState::kEstablished) return;
    enter(it->second, TcpState::kCloseWait);
    it->second.recv_queue_bytes = 32;
    ++gauges_.peer_closed_first;
}

void Simulator::close(std::size_t id) {
    const auto it = live_.find(id);
    if (it == live_.end()) return;
    --slot(gauges_, it->second.state);
    ++gauges_.closed;
    live_.erase(it);
    last_data_.erase(id);
}

void Simulator::peer_resets(std::size_t id) {
    const auto it = live_.find(id);
    if (it == live_.end() || it->second.state == TcpState::kClose) return;
    enter(it->second, TcpState::kClose);
    ++gauges_.reset;
}

void Simulator::half_close(std::size_t id) {
    const auto it = live_.find(id);
    if (it == live_.end() || it->second.state != TcpState::kEstablished) return;
    enter(it->second, TcpState::kFinWait2);
}

std::size_t Simulator::make_socket() {
    const std::size_t id = open(Endpoint{AF_INET, {}, 0});
    --gauges_.opened;
    SocketRecord& s = live_.at(id);
    s.role = SocketRole::kUnknown;
    s.attribution = Attribution::kHolder;
    s.local = s.remote;
    s.opened.reset();
    enter(s, TcpState::kClose);
    return id;
}

std::size_t Simulator::listen(const Endpoint& local, std::uint32_t backlog) {
    const std::size_t id = open(local, SocketRole::kAccepted);
    --gauges_.accepted;
    SocketRecord& s = live_.at(id);
    s.role = SocketRole::kListening;
    s.send_queue_bytes = backlog;
    enter(s, TcpState::kListen);
    return id;
}

std::size_t Simulator::arrive(const Endpoint& local) {
    const std::size_t id = open(local, SocketRole::kAccepted);
    live_.at(id).has_fd = false;
    return id;
}

void Simulator::accept(std::size_t id) {
    const auto it = live_.find(id);
    if (it != live_.end()) it->second.has_fd = true;
}

std::size_t Simulator::inherit(const Endpoint& peer, std::uint32_t opener_pid) {
    const std::size_t id = open(peer);
    --gauges_.opened;
    ++gauges_.inherited;
    SocketRecord& s = live_.at(id);
    s.attribution = Attribution::kInherited;
    s.opener_pid = opener_pid;
    return id;
}

void Simulator::connect_fails_for_want_of_ports() {
    ++gauges_.opened;
    ++gauges_.closed;
    ++gauges_.connect_address_unavailable;
}

bool Simulator::is_closed_by_peer(std::size_t id) const {
    const auto it = live_.find(id);
    return it != live_.end() && it->second.state == TcpState::kCloseWait;
}

bool Simulator::every(Duration period) const {
    return elapsed() % period < options_.step;
}

void Simulator::start_books() {
    gauges_.opened = gauges_.accepted = gauges_.closed = gauges_.peer_closed_first = 0;
    for (auto& [id, s] : live_) s.opened = s.state_since = std::nullopt;
    history_ = {};
}

std::vector<SocketRecord> Simulator::sockets() const {
    std::vector<SocketRecord> all;
    for (const auto& [id, s] : live_) {
        all.push_back(s);
        all.back().idle_sent = all.back().idle_received = now_ - last_data_.at(id);
    }
    return all;
}

Scene Simulator::scene(std::span<const SocketRecord> sockets) const {
    return {{now_, WallTime{}}, kProcess, &history_, sockets, options_.limits, &host_, fds_};
}

void Simulator::run(Duration end, const Script& script) {
    while (elapsed() < end) {
        if (options_.keep_alive > Duration::zero()) {
            for (const auto& [id, at] : last_data_) {
                if (now_ - at >= options_.keep_alive) peer_closes(id);
            }
        }
        script(*this);
        if (!blind_) sample();
        now_ += options_.step;
    }
}

void Simulator::sample() {
    if (now_ >= next_tick_) {
        next_tick_ = now_ + options_.tick;
        history_.add(now_, gauges_);
        history_.trim(history_needed(options_.limits));
    }
    const bool again = look_again_ && now_ >= *look_again_;
    if (now_ < next_walk_ && !again) return;
    if (!again) next_walk_ = now_ + options_.walk;
    look();
}

void Simulator::look() {
    const auto all = sockets();
    if (!is_suspect(history_, options_.limits)) {
        // Had the agent walked after all, there must have been nothing to find.
        ProcessHistory walked = history_;
        walked.add_walk(now_, all);
        Scene what_if = scene(all);
        what_if.history = &walked;
        EXPECT_TRUE(detect(what_if).findings.empty())
            << "found in no suspect at " << format_duration(elapsed());
        latest_.clear();
        look_again_.reset();
        return;
    }
    ++walks_;
    history_.add_walk(now_, all);
    Verdict verdict = detect(scene(all));
    look_again_ = verdict.look_again;
    EXPECT_GT(look_again_.value_or(MonoTime::max()), now_);
    latest_ = std::move(verdict.findings);
    for (const Finding& f : latest_) first_.try_emplace(f.leak_class, elapsed());
}

std::optional<Duration> Simulator::first(LeakClass leak_class) const {
    const auto it = first_.find(leak_class);
    return it == first_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace sockdog::testing
