#include "query/connection.h"

#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#include "query/call_state.h"
#include "query/message.h"

namespace sockdog {
namespace {

constexpr std::size_t kReadBytes = std::size_t{64} << 10U;  // a turn; other clients come in between
constexpr int kCallsPerTurn = 32;                           // likewise
// While this much is unread no further call of that client is begun: pipelining is no way to fill our memory.
constexpr std::size_t kPauseBytes = std::size_t{1} << 20U;
// An answer in parts goes on when less than this is unread: enough to keep a reader busy meanwhile.
constexpr std::size_t kFeedBelowBytes = std::size_t{512} << 10U;

}  // namespace

void SourceRelease::operator()(sd_event_source* source) const noexcept {
    sd_event_source_disable_unref(source);
}

Connection::Connection(UniqueFd fd, Peer peer, Hooks hooks, std::size_t max_queued_bytes)
    : fd_(std::move(fd)), peer_(peer), hooks_(std::move(hooks)), max_queued_bytes_(max_queued_bytes) {}

Result<std::shared_ptr<Connection>> Connection::start(sd_event* loop, UniqueFd fd, Peer peer, Hooks hooks,
                                                      std::size_t max_queued_bytes) {
    auto connection = std::make_shared<Connection>(std::move(fd), peer, std::move(hooks), max_queued_bytes);
    sd_event_source* source = nullptr;
    int code =
        sd_event_add_io(loop, &source, connection->fd_.get(), EPOLLIN, &Connection::on_io, connection.get());
    if (code < 0) return Error::from_errno("watch a client", -code);
    connection->io_.reset(source);
    code = sd_event_add_defer(loop, &source, &Connection::on_turn, connection.get());
    if (code < 0) return Error::from_errno("watch a client", -code);
    connection->turn_.reset(source);
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    return connection;
}

int Connection::on_io(sd_event_source*, int, std::uint32_t events, void* self) {
    const auto keep = static_cast<Connection*>(self)->shared_from_this();
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        keep->flush();
        if (keep->make_more_) keep->take_turn();
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !keep->paused()) keep->receive();
    keep->dispatch();
    // HUP is a full close (a half-close is EOF alone). Nobody is left to take an answer.
    if ((events & (EPOLLHUP | EPOLLERR)) != 0 && (keep->busy_ || keep->eof_)) keep->give_up("gone");
    keep->update_interest();
    return 0;
}

int Connection::on_turn(sd_event_source*, void* self) {
    const auto keep = static_cast<Connection*>(self)->shared_from_this();
    if (keep->broken_) {
        keep->shut(true);
        return 0;
    }
    keep->feed();
    keep->dispatch();
    keep->update_interest();
    return 0;
}

bool Connection::paused() const {
    return busy_ || eof_ || out_queued_ > kPauseBytes || in_.size() > kMaxMessageBytes;
}

void Connection::receive() {
    if (!open()) return;
    const std::size_t before = in_.size();
    in_.resize(before + kReadBytes);
    const ssize_t got = ::recv(fd_.get(), in_.data() + before, kReadBytes, MSG_DONTWAIT);
    const int code = errno;
    in_.resize(before + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got == 0) eof_ = true;
    if (got < 0 && code != EAGAIN && code != EINTR) give_up(std::strerror(code));
}

void Connection::dispatch() {
    if (dispatching_) return;
    dispatching_ = true;
    int calls = 0;
    std::size_t begin = 0;
    while (open() && !busy_ && out_queued_ <= kPauseBytes && calls < kCallsPerTurn) {
        const std::size_t end = in_.find('\0', std::max(begin, scanned_));
        if (end == std::string::npos) {
            scanned_ = in_.size();
            break;
        }
        scanned_ = end + 1;
        const std::string_view message(in_.data() + begin, end - begin);
        begin = end + 1;
        if (!dispatch_one(message)) give_up("not Varlink");
        ++calls;
    }
    in_.erase(0, begin);
    scanned_ -= begin;
    dispatching_ = false;
    if (!open() || busy_) return;
    const bool waits = in_.find('\0', scanned_) != std::string::npos;
    if (waits && out_queued_ <= kPauseBytes) {
        take_turn();
    } else if (!waits && in_.size() > kMaxMessageBytes) {
        give_up("a message above 1 MiB");
    } else if (!waits && eof_ && out_queued_ == 0) {
        give_up("end of stream");
    }
}

bool Connection::dispatch_one(std::string_view message) {
    auto request = parse_request(message);
    if (!request) return false;
    auto state = std::make_shared<Call::State>();
    state->interface = hooks_.interface;
    state->connection = weak_from_this();
    state->peer = peer_;
    state->more = request->more;
    state->oneway = request->oneway;
    state->parameters = std::move(request->parameters);
    current_ = state;
    busy_ = true;
    Call call(std::move(state));
    if (!request->invalid.empty()) {
        call.fail("InvalidParameter", {{"parameter", request->invalid}});
    } else if (request->upgrade) {
        call.fail("MethodNotImplemented", {{"method", request->method}});
    } else {
        hooks_.call(request->method, std::move(call));
    }
    return true;
}

void Connection::send(std::string text) {
    if (!open()) return;
    if (out_queued_ + text.size() > max_queued_bytes_) {
        spdlog::warn("control socket: pid {} does not read its replies, dropped with {} bytes unread",
                     peer_.pid, out_queued_);
        give_up("does not read");
        return;
    }
    out_queued_ += text.size();
    out_.push_back(std::move(text));
    flush();
    update_interest();
}

void Connection::flush() {
    while (open() && !out_.empty()) {
        const std::string& front = out_.front();
        const ssize_t sent = ::send(fd_.get(), front.data() + out_sent_, front.size() - out_sent_,
                                    MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN) give_up(std::strerror(errno));
            return;
        }
        out_sent_ += static_cast<std::size_t>(sent);
        out_queued_ -= static_cast<std::size_t>(sent);
        if (out_sent_ == front.size()) {
            out_.pop_front();
            out_sent_ = 0;
        }
    }
}

void Connection::feed_from(std::function<bool()> make_more) {
    make_more_ = std::move(make_more);
    take_turn();
}

void Connection::feed() {
    if (!make_more_ || !open() || out_queued_ > kFeedBelowBytes) return;
    auto make_more = std::exchange(make_more_, nullptr);  // may end the call, which lets go of it
    if (!make_more() || !open()) return;
    make_more_ = std::move(make_more);
    take_turn();
}

void Connection::call_ended() {
    busy_ = false;
    make_more_ = nullptr;
    current_.reset();
    if (!dispatching_) take_turn();
}

void Connection::take_turn() {
    if (turn_) sd_event_source_set_enabled(turn_.get(), SD_EVENT_ONESHOT);
}

void Connection::give_up(const char* why) {
    if (broken_) return;
    spdlog::debug("control socket: pid {} (uid {}): {}", peer_.pid, peer_.uid, why);
    broken_ = true;
    update_interest();
    take_turn();
}

void Connection::update_interest() {
    if (!io_) return;
    std::uint32_t events = 0;
    if (!paused()) events |= EPOLLIN;
    if (!out_.empty()) events |= EPOLLOUT;
    // EPOLLHUP comes unasked; once it is known it would come for ever.
    sd_event_source_set_enabled(io_.get(), broken_ ? SD_EVENT_OFF : SD_EVENT_ON);
    sd_event_source_set_io_events(io_.get(), events);
}

void Connection::shut(bool tell) {
    const auto keep = shared_from_this();
    io_.reset();
    turn_.reset();
    fd_.reset();
    if (const auto call = current_.lock()) call->gone(tell);
    current_.reset();
    make_more_ = nullptr;
    if (const auto closed = std::exchange(hooks_.closed, nullptr)) closed(this);
}

}  // namespace sockdog
