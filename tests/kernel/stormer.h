// One process of a storm: connects to its peers and accepts from them, closes in every way there is, forks,
// passes descriptors on. All of it by chance, but the same chance on every run.
#pragma once

#include <array>
#include <atomic>
#include <random>
#include <vector>

#include "kernel/support.h"

namespace sockdog::testing {

inline constexpr std::size_t kStormers = 8;
/// 26,000, or SOCKDOG_STORM_CONNECTIONS: an emulated machine makes a hundredth of a real one's in the same
/// time.
std::uint32_t connections_each();

/// In memory shared by all.
struct StormBoard {
    struct Seat {
        std::uint16_t port_v4;
        std::uint16_t port_v6;
        pid_t keeper;        // the child that was left holding some
        std::uint32_t dead;  // its sockets in CLOSE, held or in its backlogs, by TCP_INFO
    };
    std::array<Seat, kStormers> seats;
    std::atomic<std::uint64_t> connections;
    std::atomic<std::uint64_t> failed;
    std::atomic<std::uint64_t> passed;
    std::atomic<std::uint64_t> forked;
    std::atomic<std::uint32_t> finished;
};

class Stormer {
  public:
    /// `from_left` and `to_right` are non-blocking Unix sockets to its neighbours, owned by the caller.
    Stormer(std::size_t index, StormBoard& board, int from_left, int to_right);

    // The steps, in order; each in the process that is the stormer.
    void listen_on_both();
    void storm();
    void accept_the_rest();  // after all have stormed
    void leave_some_waiting();
    void leave_a_keeper();
    /// Takes what waits in the backlogs out of them to look at it: for after the books were read.
    void count_the_dead();

  private:
    bool chance(unsigned one_in) { return random_() % one_in == 0; }
    UniqueFd connect_to_peer(std::size_t* peer);
    void connect_once();
    void accept_all();
    void receive_all();
    void decide(UniqueFd fd);
    void close_somehow(UniqueFd fd);
    void fork_for_a_moment();
    void reap();

    std::size_t index_;
    StormBoard& board_;
    int from_left_;
    int to_right_;
    std::minstd_rand random_;
    Listener listener_v4_;
    Listener listener_v6_;
    std::vector<UniqueFd> held_;
    bool calm_ = false;  // nothing is passed on any more
};

}  // namespace sockdog::testing
