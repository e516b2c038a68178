// One client of the control socket: frames its bytes into calls, runs them one after the other, queues the
// answers. Private to the room. Loop thread. What must not happen inside a handler (telling on_gone, the next
// call, being destroyed) is put off to a deferred event.
//
//   state    | message complete        | reply()           | client gone        | over a limit
//   ---------|-------------------------|-------------------|--------------------|---------------
//   idle     | handler runs: busy      | -                 | closed             | closed
//   busy     | waits in the buffer     | sent, idle        | on_gone(), closed  | on_gone(), closed
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "query/varlink_server.h"

struct sd_event_source;

namespace sockdog {

inline constexpr std::size_t kMaxMessageBytes = std::size_t{1} << 20U;  // a call: far above any we know

/// An sd-event source that is disabled and released with its owner.
struct SourceRelease {
    void operator()(sd_event_source* source) const noexcept;
};
using EventSource = std::unique_ptr<sd_event_source, SourceRelease>;

class Connection : public std::enable_shared_from_this<Connection> {
  public:
    struct Hooks {
        std::string_view interface = kInterface;  // of errors without one
        /// A well-formed call. The method's full name as it came.
        std::function<void(const std::string& method, Call)> call;
        /// The connection is over; the owner drops it.
        std::function<void(Connection*)> closed;
    };
    static Result<std::shared_ptr<Connection>> start(sd_event* loop, UniqueFd fd, Peer peer, Hooks hooks,
                                                     std::size_t max_queued_bytes);

    [[nodiscard]] const Peer& peer() const { return peer_; }
    [[nodiscard]] bool open() const { return fd_.valid() && !broken_; }
    /// Queues one encoded message and sends what the socket takes. A client that leaves too much unread is
    /// dropped.
    void send(std::string text);
    /// `make_more` sends more of the answer of the call in hand, whenever little of it is left unread; false:
    /// that was all.
    void feed_from(std::function<bool()> make_more);
    /// The call in hand got its final reply.
    void call_ended();
    /// Ends it now; `tell` runs the on_gone of the call in hand.
    void shut(bool tell);

    [[nodiscard]] std::size_t max_queued_bytes() const { return max_queued_bytes_; }

    Connection(UniqueFd fd, Peer peer, Hooks hooks, std::size_t max_queued_bytes);

  private:
    static int on_io(sd_event_source* source, int fd, std::uint32_t events, void* self);
    static int on_turn(sd_event_source* source, void* self);

    void receive();
    void dispatch();
    bool dispatch_one(std::string_view message);
    void flush();
    void feed();
    void give_up(const char* why);
    void update_interest();
    void take_turn();
    [[nodiscard]] bool paused() const;

    UniqueFd fd_;
    Peer peer_;
    Hooks hooks_;
    std::size_t max_queued_bytes_;
    EventSource io_;
    EventSource turn_;
    std::string in_;
    std::size_t scanned_ = 0;  // bytes of in_ known to hold no NUL
    std::deque<std::string> out_;
    std::size_t out_sent_ = 0;    // of out_.front()
    std::size_t out_queued_ = 0;  // bytes not sent yet
    std::function<bool()> make_more_;
    std::weak_ptr<Call::State> current_;
    bool busy_ = false;
    bool dispatching_ = false;
    bool eof_ = false;     // the client sends no more; it may still read
    bool broken_ = false;  // to be closed at the next turn
};

}  // namespace sockdog
