// Programs in simulated time: a script opens, uses and closes sockets, the simulator keeps the books as the
// kernel side does and drives history, walks and detectors as the agent does. Deterministic.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "detect/detector.h"

namespace sockdog::testing {

/// 127.0.0.1:PORT, or another address of 127/8.
Endpoint endpoint(std::uint16_t port, std::uint8_t last_octet = 1);
/// Limits of a time-scaled demo: seconds instead of minutes, 8 instead of 32.
Limits demo_limits();

struct SimOptions {
    Limits limits;
    Duration step = 1s;     // between two turns of the script
    Duration tick = 5s;     // gauges
    Duration walk = 10s;    // sockets of a suspect
    Duration keep_alive{};  // the peer closes a silent connection after this long; 0: never
};

class Simulator {
  public:
    using Script = std::function<void(Simulator&)>;
    explicit Simulator(SimOptions options);

    // What a script does. An id stays valid for ever; acting on a closed socket does nothing.
    std::size_t open(const Endpoint& peer, SocketRole role = SocketRole::kOpened);
    void exchange(std::size_t id, std::uint32_t segments = 1);
    void peer_closes(std::size_t id);
    /// Data from the peer, in any state that still takes it.
    void receive(std::size_t id);
    void close(std::size_t id);
    /// RST: the fd stays, the state is CLOSE.
    void peer_resets(std::size_t id);
    /// shutdown(SHUT_WR), acknowledged.
    void half_close(std::size_t id);
    /// socket() and nothing after it.
    std::size_t make_socket();
    std::size_t listen(const Endpoint& local, std::uint32_t backlog);
    /// A client has connected and waits to be accepted.
    std::size_t arrive(const Endpoint& local);
    void accept(std::size_t id);
    /// One that `opener_pid` opened before this process was born, and has closed.
    std::size_t inherit(const Endpoint& peer, std::uint32_t opener_pid);
    void connect_fails_for_want_of_ports();
    [[nodiscard]] bool is_open(std::size_t id) const { return live_.contains(id); }
    [[nodiscard]] bool is_closed_by_peer(std::size_t id) const;
    [[nodiscard]] Duration elapsed() const { return now_ - start_; }
    /// True once every `period` of simulated time.
    [[nodiscard]] bool every(Duration period) const;
    std::mt19937& random() { return random_; }
    std::map<std::size_t, SocketRecord>& live() { return live_; }
    HostUse& host() { return host_; }
    std::optional<FdUse>& fds() { return fds_; }
    [[nodiscard]] MonoTime now() const { return now_; }

    /// Runs the script until `end` since the start. May be called again to go on.
    void run(Duration end, const Script& script);
    /// Forgets what the agent knew, as its restart does; the books of the kernel go on.
    void restart_agent() { history_ = {}; }
    /// Forgets all times and counters: the books were opened only now.
    void start_books();
    /// The clock goes on and nothing else does.
    void jump(Duration by) { now_ += by; }
    /// Nothing is sampled for a while.
    void blind(bool blind) { blind_ = blind; }

    [[nodiscard]] Scene scene(std::span<const SocketRecord> sockets) const;
    [[nodiscard]] std::vector<SocketRecord> sockets() const;
    [[nodiscard]] const ProcessHistory& history() const { return history_; }
    [[nodiscard]] const Gauges& gauges() const { return gauges_; }

    // What the agent concluded.
    [[nodiscard]] std::optional<Duration> first(LeakClass leak_class) const;
    [[nodiscard]] bool ever_found() const { return !first_.empty(); }
    [[nodiscard]] const std::vector<Finding>& latest() const { return latest_; }
    [[nodiscard]] std::size_t walks() const { return walks_; }

  private:
    void sample();
    void look();
    void enter(SocketRecord& socket, TcpState state);

    SimOptions options_;
    MonoTime start_{1000h};
    MonoTime now_ = start_;
    MonoTime next_tick_ = start_;
    MonoTime next_walk_ = start_;
    std::optional<MonoTime> look_again_;
    std::map<std::size_t, SocketRecord> live_;
    std::map<std::size_t, MonoTime> last_data_;
    Gauges gauges_;
    HostUse host_;
    std::optional<FdUse> fds_;
    std::size_t next_id_ = 1;
    std::mt19937 random_{42};
    bool blind_ = false;
    ProcessHistory history_;
    std::map<LeakClass, Duration> first_;
    std::vector<Finding> latest_;
    std::size_t walks_ = 0;
};

}  // namespace sockdog::testing
