#include "app/agent.h"

#include <charconv>
#include <cstdlib>

#include <spdlog/spdlog.h>

#include "app/queries.h"
#include "base/text.h"
#include "probe/kept_books.h"
#include "remedy/own_job.h"

namespace sockdog {
namespace {

constexpr Duration kPumpEvery = 100ms;

BooksOptions options_of(const Config& config) {
    return BooksOptions{.max_sockets = config.books.max_sockets,
                        .max_processes = config.books.max_processes,
                        .event_buffer_bytes = config.books.event_buffer_bytes,
                        .trace_buffer_bytes = config.books.trace_buffer_bytes,
                        .wake_limit = config.defaults.limits.close_wait.wake,
                        .syscall_failures = config.books.syscall_failures,
                        .follow = true,
                        .pin_directory = config.books.pinned == KeepBooks::kNever
                                             ? std::filesystem::path()
                                             : config.books.pin_directory};
}

/// Books that an earlier configuration kept would go on counting beside ours.
void discard_kept_books(const Config& config) {
    const auto discarded = discard_books(config.books.pin_directory);
    if (!discarded) {
        if (discarded.error().code != EWOULDBLOCK) spdlog::warn("{}", discarded.error().message);
        return;
    }
    if (!discarded->nothing())
        spdlog::info("books.pinned is never: the kept books are removed, {}", discarded->to_string());
}

/// Whether whoever ends us wants nothing left in the kernel. Without a service manager that is what an
/// orderly end means. Where it does not say that it is a stop, sockdogd is likely to be back.
bool is_stop() {
    constexpr Duration kAnswerWithin = 2s;
    if (std::getenv("NOTIFY_SOCKET") == nullptr) return true;
    const auto job = own_job_type(kAnswerWithin);
    if (!job) spdlog::warn("whether this is a stop or a restart is not known: {}", job.error().message);
    return job && *job == "stop";
}

std::string boot_id(const ProcRoot& proc) {
    return std::string(trim(proc.read_global("sys/kernel/random/boot_id").value_or("")));
}

/// A fact of the journal; nothing where it makes no sense.
std::optional<WallTime> wall_time_of(const std::string& milliseconds) {
    std::int64_t count = 0;
    const char* const end = milliseconds.data() + milliseconds.size();
    const auto [rest, code] = std::from_chars(milliseconds.data(), end, count);
    if (code != std::errc{} || rest != end) return std::nullopt;
    return WallTime(std::chrono::milliseconds(count));
}

}  // namespace

Agent::Agent(EventLoop& loop, Config config, std::unique_ptr<Books> books, Journal journal)
    : loop_(loop),
      config_(std::move(config)),
      books_(std::move(books)),
      resolver_(proc_),
      recorder_(config_.state_dir / "samples.db", boot_id(proc_), config_.samples),
      watch_(*books_, resolver_, proc_),
      call_sites_(*books_, proc_,
                  [this](int fd, std::function<void()> callback) {
                      return loop_.on_readable(fd, std::move(callback));
                  }),
      incidents_(config_.defaults.hysteresis),
      journal_(std::move(journal)),
      revision_streams_(journal_),
      trace_streams_(*books_) {
    watch_.record(recorder_);
}

Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::create(EventLoop& loop, Config config, const std::string& helper_dir) {
    const Now started = read_now();  // before the books are opened: older ones are kept ones
    auto journal = Journal::open(config.state_dir / "journal.db");
    if (!journal) return journal.error();
    if (config.books.pinned == KeepBooks::kNever) discard_kept_books(config);
    auto books = Books::open(options_of(config));
    if (!books) return books.error();
    std::unique_ptr<Agent> agent(
        new Agent(loop, std::move(config), std::move(books).value(), std::move(journal).value()));
    agent->started_ = started;
    auto ready = agent->start(helper_dir);
    if (!ready) return ready.error();
    return agent;
}

Status Agent::start(const std::string& helper_dir) {
    config_loaded_at_ = started_.wall;
    last_sweep_ = last_reconcile_ = started_.mono;
    take_up_books();
    make_remedies(helper_dir);
    call_sites_.name_by(helper_dir + "/sockdog-names");
    watch_.name_places_by([this](std::uint64_t call_site) {
        const CallSite* site = call_sites_.find(call_site);
        const CallFrame* line = site ? site->application_frame() : nullptr;
        return line ? to_long_string(*line) : std::string();
    });
    auto restored = restore();
    if (!restored) return restored;

    server_ = std::make_unique<VarlinkServer>(loop_.get(), SOCKDOG_VERSION);
    Queries(*this).register_all();
    auto listening = server_->listen(config_.control_socket, config_.control_group);
    if (!listening) return listening;

    auto tick_timer = loop_.timer([this] { tick(); });
    auto pump_timer = loop_.timer([this] { pump_streams(); });
    if (!tick_timer) return tick_timer.error();
    if (!pump_timer) return pump_timer.error();
    tick_timer_ = *tick_timer;
    pump_timer_ = *pump_timer;
    auto watched = loop_.on_readable(books_->notice_fd(), [this] { on_notices(); });
    if (!watched) return watched;
    tick_timer_.set(started_.mono);
    spdlog::info("watching {} TCP sockets of {} processes; {} open incidents from before",
                 books_->socket_count(), books_->process_count(), incidents_.open_incidents().size());
    return Ok{};
}

/// What the last agent knew of the books: losses that were told, and whether they still make counts
/// uncertain.
void Agent::take_up_books() {
    const Keeping& keeping = books_->keeping();
    if (!keeping.taken_over) return;
    const BookNotes notes = books_->notes();
    known_losses_ = notes.told;
    lost_at_ = notes.lost_at;
    // What went by while programs were replaced is put right once it has been quiet for a second.
    if (keeping.replaced) last_reconcile_ = started_.mono - config_.books.reconcile_interval + 2s;
    spdlog::info("the books are those of before, kept for {}: {}",
                 format_duration(started_.mono - books_->since()), keeping.pinned_at);
}

void Agent::leave() {
    const std::string pinned_at = books_->keeping().pinned_at;
    if (pinned_at.empty()) return;
    if (config_.books.pinned == KeepBooks::kRestart && is_stop()) {
        books_->discard();
        return;
    }
    spdlog::info("the books stay, for the next start: {} (sockdogd --discard-books removes them)", pinned_at);
}

void Agent::make_remedies(const std::string& helper_dir) {
    std::map<RemedyAction, std::unique_ptr<Actuator>> actuators;
    actuators[RemedyAction::kSystemdRestart] = make_systemd_actuator(loop_.get());
    actuators[RemedyAction::kCommand] = make_command_actuator(loop_.get());
    actuators[RemedyAction::kMonitRestart] = make_monit_actuator(
        loop_.get(), [this] { return config_.remedies; }, helper_dir + "/sockdog-monit");
    RemedyHooks hooks;
    hooks.report = [this](const std::string& id, const RemedyReport& report) {
        on_remedy_report(id, report);
    };
    hooks.journalled = [this] { return journalled_; };
    hooks.identify = [this](ProcessId process) -> Result<Owner> {
        const Owner& owner = resolver_.refresh(process);
        if (!owner.alive || !resolver_.runs(process))
            return make_error("process " + std::to_string(process.pid) + " is gone", ESRCH);
        return owner;
    };
    hooks.observe = [this](const Incident& incident) { return owner_state(incident); };
    hooks.uncertain = [this] { return uncertain(); };
    remedies_ = std::make_unique<RemedyEngine>(std::move(actuators), config_.remedies, std::move(hooks));
}

/// Takes up the journal: open incidents, cooldowns, and whether an operator told us to hold.
Status Agent::restore() {
    auto open = journal_.open_incidents();
    auto next = journal_.next_incident_id();
    auto recent = journal_.incidents(false, 1000);
    auto hold = journal_.fact("hold");
    if (!open) return open.error();
    if (!next) return next.error();
    if (!recent) return recent.error();
    if (!hold) return hold.error();
    incidents_.restore(*open, *next);
    remedies_->restore(*recent, released_at());
    if (*hold && !(*hold)->empty()) {
        spdlog::warn("remedies are on hold, as before the restart: {}", **hold);
        remedies_->hold(**hold);
    }
    // Whether an operator held us, and which cooldowns run, may be lost with it: a person looks first.
    if (const auto& damaged = journal_.damaged_file()) {
        const std::string why = "the journal was damaged and is kept as " + damaged->string() +
                                "; look at it, then 'sockdog release'";
        spdlog::error("remedies are on hold: {}", why);
        remedies_->hold(why);
        auto stored = journal_.set_fact("hold", why);
        if (!stored) return stored;
    }
    return Ok{};
}

std::optional<WallTime> Agent::released_at() const {
    const auto released = journal_.fact("released_at_ms");
    return released && *released ? wall_time_of(**released) : std::nullopt;
}

Status Agent::reload() {
    loop_.notify("RELOADING=1\nMONOTONIC_USEC=" +
                 std::to_string(
                     std::chrono::duration_cast<std::chrono::microseconds>(read_now().mono.time_since_epoch())
                         .count()));
    auto loaded = load_config(config_.file);
    loop_.notify("READY=1");
    if (!loaded) {
        config_error_ = loaded.error().message;
        spdlog::error("the configuration was not reloaded, the running one stays:\n{}", config_error_);
        return loaded.error();
    }
    Config fresh = std::move(loaded).value();
    // What was given on the command line, and what only a restart can change, stays.
    const bool books_differ =
        fresh.books.max_sockets != config_.books.max_sockets ||
        fresh.books.max_processes != config_.books.max_processes ||
        fresh.books.syscall_failures != config_.books.syscall_failures ||
        fresh.books.pinned != config_.books.pinned ||
        fresh.books.pin_directory != config_.books.pin_directory ||
        fresh.defaults.limits.close_wait.wake != config_.defaults.limits.close_wait.wake;
    if (books_differ)
        spdlog::warn("changes of books.* and of defaults.close_wait.wake take effect at the next restart");
    fresh.defaults.limits.close_wait.wake = config_.defaults.limits.close_wait.wake;
    fresh.books = config_.books;
    fresh.control_socket = config_.control_socket;
    fresh.control_group = config_.control_group;
    fresh.state_dir = config_.state_dir;
    config_ = std::move(fresh);
    config_error_.clear();
    config_loaded_at_ = read_now().wall;
    spdlog::set_level(spdlog::level::from_str(config_.log_level));
    incidents_.set_hysteresis(config_.defaults.hysteresis);
    remedies_->set_settings(config_.remedies);
    recorder_.set_settings(config_.samples);
    watch_.reconfigured();
    spdlog::info("configuration reloaded from {}: {} policies, {} receivers", config_.file.string(),
                 config_.policies.size(), config_.receivers.size());
    tick_timer_.set(read_now().mono);
    return Ok{};
}

void Agent::on_notices() {
    books_->drain_notices([this](const KernelEvent& event) { take_notice(event); });
    if (!urgent_.empty()) tick();
}

void Agent::take_notice(const KernelEvent& event) {
    switch (event.kind) {
        case KernelEvent::Kind::kCloseWaitLimit:
            spdlog::debug("pid {}: {} sockets in CLOSE_WAIT", event.process.pid, event.value);
            urgent_.insert(event.process);
            break;
        case KernelEvent::Kind::kAddressUnavailable:
            spdlog::warn("pid {} ({}): connect() found no free port (EADDRNOTAVAIL) for the first time",
                         event.process.pid, printable(event.comm));
            urgent_.insert(event.process);
            break;
        case KernelEvent::Kind::kTooManyFiles:
            spdlog::warn("pid {} ({}): out of file descriptors for the first time", event.process.pid,
                         printable(event.comm));
            urgent_.insert(event.process);
            break;
        case KernelEvent::Kind::kProcessExit:
            exits_.push_back(event);
            break;
    }
}

void Agent::tick() {
    const Now now = read_now();
    books_->drain_notices([this](const KernelEvent& event) { take_notice(event); });
    const Watch::Look look = watch_.look(now, config_, urgent_);
    call_sites_.want(now.mono, look.call_sites);
    books_->count_file_failures(watch_.host().files_are_short(now));
    urgent_.clear();
    journal(incidents_.update(
        now, look.observed, [this](ProcessId process) { return resolver_.runs(process); }, look.blind));

    std::vector<std::pair<Incident, RemedyPolicy>> open;
    for (Incident& incident : incidents_.open_incidents()) {
        RemedyPolicy policy = policy_for(config_, incident.owner).remedy;
        open.emplace_back(std::move(incident), std::move(policy));
    }
    remedies_->tick(now, open);
    recorder_.end_turn(now, {.blind = look.blind, .uncertain = uncertain(), .incidents_open = !open.empty()});
    upkeep(now);

    MonoTime next = now.mono + config_.tick;
    if (look.again && *look.again < next) next = std::max(*look.again, now.mono + 1ms);
    tick_timer_.set(next);
}

void Agent::journal(std::vector<Revision> revisions) {
    if (revisions.empty()) return;
    auto stored = journal_.append(revisions);
    journalled_ = stored.ok();
    if (!stored)
        spdlog::error("incidents are not journalled, alerts will be missing: {}", stored.error().message);
    for (const Revision& revision : revisions) {
        const bool leaks =
            revision.kind != RevisionKind::kRemedied && revision.kind != RevisionKind::kResolved;
        spdlog::log(revision.kind == RevisionKind::kGrew ? spdlog::level::info : spdlog::level::warn,
                    "{} {}{}", revision.incident.id,
                    leaks ? std::string(to_string(revision.kind)) + ": " : std::string(), headline(revision));
    }
    pump_streams();
}

void Agent::on_remedy_report(const std::string& incident_id, const RemedyReport& report) {
    const Now now = read_now();
    if (auto revision = incidents_.add_remedy(now, incident_id, report)) {
        journal({std::move(*revision)});
        return;
    }
    // The incident ended when its process was restarted; the result of the remedy belongs to its story all
    // the same.
    auto found = journal_.find(incident_id);
    if (!found || !*found) {
        spdlog::error("remedy of {} is not journalled: {} ({}: {})", incident_id,
                      found ? "no such incident" : found.error().message, to_string(report.outcome),
                      printable(report.reason));
        return;
    }
    Incident incident = std::move(**found);
    incident.remedies.push_back(report);
    incident.updated_at = now.wall;
    journal({Revision{.kind = RevisionKind::kRemedied, .at = now.wall, .incident = std::move(incident)}});
}

OwnerState Agent::owner_state(const Incident& incident) {
    const std::string key = incident.owner.stable_key();
    return OwnerState{.process = running(incident), .leaked = watch_.leaked(key)};
}

/// A running process of the same owner: the offender itself where it still runs (then it was not replaced),
/// else any. A restarted service may have no socket yet, so /proc is asked and not the books. Only while a
/// remedy is verified.
std::optional<ProcessId> Agent::running(const Incident& incident) {
    if (resolver_.runs(incident.latest.process)) return incident.latest.process;
    const std::string key = incident.owner.stable_key();
    for (const std::uint32_t pid : proc_.pids()) {
        const auto process = proc_.identify(pid);
        if (process && resolver_.runs(*process) && resolver_.resolve(*process).stable_key() == key)
            return *process;
    }
    return std::nullopt;
}

void Agent::pump_streams() {
    const bool more = revision_streams_.pump();
    const bool tracing = trace_streams_.pump();
    if (more || tracing)
        pump_timer_.set(read_now().mono + kPumpEvery);
    else
        pump_timer_.stop();
}

}  // namespace sockdog
