#include "run/watch_command.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/proc_root.h"
#include "base/text.h"
#include "callsite/detect.h"

namespace sockdog {
namespace {

// A program that leaves more has made its point.
constexpr std::size_t kMostLeft = 200'000;
constexpr std::size_t kMostLooks = 4096;
// At an exec no library is mapped yet, and without them an interpreter is not known. It takes a few
// milliseconds; a short script opens its first connection after twenty. Pauses between looks, as long as
// nothing is found.
constexpr std::array<Duration, 9> kLookAgain{2ms, 3ms, 5ms, 10ms, 20ms, 50ms, 100ms, 300ms, 1s};

constexpr std::uint32_t kStates = 1U << static_cast<unsigned>(TcpState::kEstablished) |
                                  1U << static_cast<unsigned>(TcpState::kCloseWait) |
                                  1U << static_cast<unsigned>(TcpState::kClose);

RuntimeLayout followed(RuntimeLayout layout, bool call_sites) {
    layout.flags |= SOCKDOG_RUNTIME_FOLLOW;
    if (call_sites) layout.flags |= SOCKDOG_RUNTIME_ACCEPTS;
    return layout;
}

// Some 20 KiB each.
constexpr std::size_t kMostWaiting = 2048;

}  // namespace

Result<std::unique_ptr<WatchCommand>> WatchCommand::open(const std::string& names_program) {
    // A process may leave a hundred thousand sockets within a turn of ours, at about 200 bytes each.
    auto books = Books::open(BooksOptions{.trace_buffer_bytes = 1U << 25, .leftovers = true});
    if (!books) return books.error().within("watch the command's sockets");
    std::unique_ptr<WatchCommand> watch(new WatchCommand());
    watch->books_ = std::move(*books);
    auto tracer = CallTracer::open(*watch->books_, CallTracerOptions{});
    if (tracer)
        watch->tracer_ = std::move(*tracer);
    else
        watch->why_no_tracer_ = tracer.error().message;
    if (names_program.empty() || !watch->tracer_) return watch;
    if (auto named = watch->open_names(names_program); !named) {
        watch->names_.reset();
        watch->why_no_names_ = named.error().message;
    }
    return watch;
}

Status WatchCommand::open_names(const std::string& program) {
    names_ = std::make_unique<NameHelper>(NameHelperOptions{.program = program, .waiting = kMostWaiting},
                                          [this](CallSite site) { sites_.remember(std::move(site)); });
    if (auto opened = names_->open(); !opened) return opened;
    return names_->start();
}

void WatchCommand::ask_for_name(const CallStack& stack) {
    if (!names_ || names_->ask(read_now().mono, stack)) return;
    tracer_->forget(stack.id);  // it may come again
    ++unnamed_;
}

void WatchCommand::wait_for_names() {
    if (!names_) return;
    const MonoTime until = read_now().mono + kNamesWait;
    for (MonoTime now = read_now().mono; names_->waiting() > 0 && now < until; now = read_now().mono) {
        pollfd answer{names_->fd(), POLLIN, 0};
        ::poll(&answer, 1, 100);
        names_->turn(read_now().mono);
    }
    unnamed_ += names_->waiting();
}

Status WatchCommand::begin(pid_t command) {
    const auto id = ProcRoot().identify(static_cast<std::uint32_t>(command));
    if (!id) return id.error().within("look at the command");
    tree_.begin(*id);
    if (!tracer_) {
        if (tree_.has_cgroup()) return Ok{};
        return make_error("neither can its processes be followed (" + why_no_tracer_ +
                          ") nor a cgroup be made for them");
    }
    RuntimeLayout layout{};
    layout.kind = SOCKDOG_RUNTIME_NATIVE;
    if (names_) layout.flags = SOCKDOG_RUNTIME_COPY_STACK;
    return tracer_->watch(*id, followed(layout, names_ != nullptr));
}

void WatchCommand::turn() {
    if (tracer_) {
        tracer_->drain([this](const CallStack& stack) { ask_for_name(stack); },
                       [this](const FollowEvent& event) { on_follow(event); });
        look_again();
    }
    if (names_) names_->turn(read_now().mono);
    take_leftovers();
    last_look_.turn(*books_, tree_, read_now().mono);
}

void WatchCommand::on_follow(const FollowEvent& event) {
    tree_.on(event);
    if (event.kind == FollowEvent::Kind::kExit) last_look_.process_ended(event.process, event.at, event.comm);
    if (!names_) return;
    if (event.kind == FollowEvent::Kind::kExec) look_at(Look{event.process, event.at, 0});
    if (event.kind == FollowEvent::Kind::kExit) names_->process_ended(event.process);
}

void WatchCommand::look_at(Look look) {
    if (!tracer_->watches(look.process)) return;  // ended meanwhile
    const Detection found = detect_runtime(look.process, ProcRoot());
    const bool interpreter =
        found.layout.kind == SOCKDOG_RUNTIME_RUBY || found.layout.kind == SOCKDOG_RUNTIME_PYTHON;
    (void)tracer_->watch(look.process, followed(found.layout, true)).ok();  // E2BIG: it stays as it was
    const auto turn = static_cast<std::size_t>(look.turn);
    if (interpreter || turn >= kLookAgain.size() || looks_.size() >= kMostLooks) return;
    look.at += kLookAgain[turn];
    ++look.turn;
    looks_.push_back(look);
}

Duration WatchCommand::next_turn(MonoTime now, Duration most) const {
    Duration wait = most;
    for (const Look& look : looks_) wait = std::min(wait, std::max(look.at - now, Duration::zero()));
    return wait;
}

void WatchCommand::look_again() {
    if (looks_.empty()) return;
    const MonoTime now = read_now().mono;
    std::vector<Look> due;
    std::erase_if(looks_, [&](const Look& look) {
        if (look.at > now) return false;
        due.push_back(look);
        return true;
    });
    for (const Look& look : due) look_at(look);
}

void WatchCommand::take_leftovers() {
    books_->drain_leftovers([this](const LeftSocket& left) {
        HeldSocket held{left.socket, left.process, left.comm, left.at, true, std::nullopt};
        if (!tree_.holds(held)) return;
        if (left_.size() >= kMostLeft) {
            left_too_many_ = true;
            return;
        }
        left_.push_back(std::move(held));
    });
}

/// Sockets of processes of the command that live on.
Result<std::vector<HeldSocket>> WatchCommand::still_open() {
    // Who really holds what was passed on. It fails on no kernel that the books load on; without it owners
    // are those that opened or accepted.
    (void)books_->sweep().ok();
    auto sockets = books_->walk(WalkFilter{.owner = {}, .state_mask = kStates});
    if (!sockets) return sockets.error().within("look at the command's sockets");
    const MonoTime now = read_now().mono;
    std::vector<HeldSocket> open;
    for (SocketRecord& socket : *sockets) {
        const ProcessId owner = socket.owner;
        HeldSocket held{std::move(socket), owner, "", now, false, std::nullopt};
        if (!owner.known() || !held.socket.has_fd || tree_.end_of(owner) || !tree_.holds(held)) continue;
        const auto comm = ProcRoot().read(owner.pid, "comm");
        if (comm) held.comm = std::string(trim(*comm));
        open.push_back(std::move(held));
    }
    return open;
}

Leak WatchCommand::named(RunClass leak_class, HeldSocket held) const {
    Leak leak{leak_class, std::move(held), {}};
    const CallSite* site = sites_.find(leak.held.socket.call_site);
    if (site != nullptr) leak.site = *site;
    return leak;
}

Result<WatchCommand::Findings> WatchCommand::finish(const LeakRules& rules) {
    turn();
    auto open = still_open();
    if (!open) return open.error();
    take_leftovers();  // of those that ended meanwhile
    wait_for_names();
    std::vector<HeldSocket> all = std::move(left_);
    all.insert(all.end(), open->begin(), open->end());
    Findings found;
    std::set<std::pair<std::uint64_t, MonoTime>> seen;  // one that is reset at its end is told twice
    const auto take = [&](HeldSocket& held, std::vector<Leak>& into) {
        if (held.process_ended) held.end_of_process = tree_.end_of(held.process);
        if (!held.socket.opened || !seen.emplace(held.socket.id, *held.socket.opened).second) return;
        if (const auto leak_class = classify(held, rules))
            into.push_back(named(*leak_class, std::move(held)));
    };
    for (HeldSocket& held : all) take(held, found.leaks);
    for (HeldSocket held : last_look_.lingered()) take(held, found.late);
    return found;
}

std::vector<std::string> WatchCommand::notes() const {
    std::vector<std::string> notes;
    if (!tracer_) notes.push_back("no call sites: " + why_no_tracer_);
    const LossCounters losses = books_->losses();
    const auto lost = losses.record_refused + losses.trace_dropped + losses.cas_exhausted;
    if (lost > 0)
        notes.push_back(std::to_string(lost) +
                        " sockets or ends of them were not seen; there may be more leaks");
    if (left_too_many_) notes.push_back("more than 200000 sockets were left open; the rest is not listed");
    if (tree_.overflowed()) notes.push_back("too many processes; sockets of the last ones may be missing");
    if (!tracer_) return notes;
    const CallLosses calls = tracer_->losses();
    if (calls.follow_dropped + calls.runtime_refused > 0 && !tree_.has_cgroup())
        notes.push_back("some processes of the command were not followed; there may be more leaks");
    if (!why_no_names_.empty()) notes.push_back("no call sites: " + why_no_names_);
    if (names_ && calls.stack_dropped + calls.scratch_busy + unnamed_ > 0)
        notes.push_back("some call sites were not seen");
    return notes;
}

}  // namespace sockdog
