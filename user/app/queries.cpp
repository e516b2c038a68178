#include "app/queries.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <limits>
#include <utility>

#include "base/text.h"

namespace sockdog {
namespace {

constexpr std::size_t kSocketsAPart = 250;  // some 150 KiB of JSON, 5 ms of the loop

}  // namespace

void Queries::register_all() {
    VarlinkServer& server = *agent_.server_;
    Agent& agent = agent_;
    server.handle("GetStatus", Access::kRead, [&agent](Call call) {
        call.reply({{"status", status(agent)}});
    });
    server.handle("ListProcesses", Access::kRead,
                  [&agent](Call call) { list_processes(agent, std::move(call)); });
    server.handle("ListSockets", Access::kRead,
                  [&agent](Call call) { list_sockets(agent, std::move(call)); });
    server.handle("ListIncidents", Access::kRead,
                  [&agent](Call call) { list_incidents(agent, std::move(call)); });
    server.handle("Explain", Access::kRead, [&agent](Call call) { explain(agent, std::move(call)); });
    server.handle("Trace", Access::kRead, [&agent](Call call) { trace(agent, std::move(call)); });
    server.handle("Revisions", Access::kRead, [&agent](Call call) {
        agent.revision_streams_.serve(std::move(call));
        agent.pump_streams();
    });
    server.handle("Reload", Access::kAct, [&agent](Call call) { reload(agent, std::move(call)); });
    server.handle("Hold", Access::kAct, [&agent](Call call) { hold(agent, std::move(call)); });
    server.handle("Release", Access::kAct, [&agent](Call call) { release(agent, std::move(call)); });
    server.handle("ReportDestroyed", Access::kAct,
                  [&agent](Call call) { report_destroyed(agent, std::move(call)); });
}

StatusView Queries::status(Agent& agent) {
    StatusView view;
    view.version = SOCKDOG_VERSION;
    view.pid = static_cast<std::uint32_t>(getpid());
    view.started_at = agent.started_.wall;
    const Keeping& keeping = agent.books_->keeping();
    view.books_since = agent.started_.wall - std::chrono::duration_cast<WallTime::duration>(
                                                 agent.started_.mono - agent.books_->since());
    view.books_pinned_at = keeping.pinned_at;
    view.books_not_pinned = keeping.why_not;
    view.totals = agent.books_->totals();
    view.sockets = view.totals.total();
    view.max_sockets = agent.config_.books.max_sockets;
    view.processes = agent.books_->process_count();
    view.max_processes = agent.config_.books.max_processes;
    view.losses = agent.books_->losses();
    for (const Incident& incident : agent.incidents_.open_incidents()) {
        view.open_incidents++;
        if (incident.latest.severity == Severity::kCritical) view.critical_incidents++;
    }
    view.held = agent.remedies_->held();
    view.config_file = agent.config_.file.string();
    view.config_loaded_at = agent.config_loaded_at_;
    view.config_error = agent.config_error_;
    view.last_revision = agent.journal_.last_number().value_or(0);
    const OwnUse use = own_use();
    view.memory_bytes = use.memory_bytes;
    view.cpu_seconds = use.cpu_seconds;
    view.open_fds = use.open_fds;
    view.walks = agent.watch_.walks();
    view.loop_lag_seconds = std::chrono::duration<double>(agent.loop_.longest_turn(read_now().mono)).count();
    const ProgramRuns runs = agent.books_->program_runs();
    view.bpf_runs = runs.count;
    view.bpf_seconds = std::chrono::duration<double>(runs.time).count();
    view.cpu_share = agent.config_.cpu_share;
    view.throttled = agent.watch_.throttle().refused();
    if (const auto last = agent.watch_.throttle().last_refused()) {
        const Now now = read_now();
        view.last_throttled = now.wall - std::chrono::duration_cast<WallTime::duration>(now.mono - *last);
    }
    view.capabilities = agent.books_->capabilities();
    return view;
}

ProcessView Queries::process_view(Agent& agent, const GaugeSample& sample) {
    ProcessView view;
    if (sample.process.known()) view.owner = agent.resolver_.resolve(sample.process);
    if (view.owner.comm.empty()) view.owner.comm = sample.comm;
    view.gauges = sample.gauges;
    for (const Incident& incident : agent.incidents_.open_incidents())
        if (incident.latest.process == sample.process) view.incidents.push_back(incident.id);
    return view;
}

SocketView Queries::socket_view(Agent& agent, const SocketRecord& socket) {
    SocketView view;
    if (socket.owner.known()) {
        const Owner& owner = agent.resolver_.resolve(socket.owner);
        view.owner_name = owner.display_name();
        view.comm = owner.comm;
    }
    if (const CallSite* site = agent.call_sites_.find(socket.call_site))
        if (const CallFrame* frame = site->application_frame()) view.opened_at = to_long_string(*frame);
    view.socket = socket;
    return view;
}

void Queries::list_processes(Agent& agent, Call call) {
    std::optional<bool> exact;
    if (!call.take("exact", exact)) return;
    if (exact.value_or(false)) {
        auto swept = agent.books_->sweep();
        auto reconciled = agent.books_->reconcile();
        if (!swept || !reconciled) {
            call.fail("BooksFailed", {{"reason", (swept ? reconciled : swept).error().message}});
            return;
        }
    }
    std::vector<ProcessView> processes;
    for (const GaugeSample& sample : agent.books_->gauges()) processes.push_back(process_view(agent, sample));
    call.reply({{"processes", processes}});
}

void Queries::list_sockets(Agent& agent, Call call) {
    std::optional<std::uint64_t> pid;
    std::optional<std::string> unit;
    std::optional<std::string> state;
    if (!call.take("pid", pid) || !call.take("unit", unit) || !call.take("state", state)) return;
    WalkFilter filter;
    if (state) {
        const auto wanted = tcp_state_from(*state);
        if (!wanted) {
            call.fail("InvalidParameter", {{"parameter", "state"}});
            return;
        }
        filter.state_mask = 1U << static_cast<unsigned>(*wanted);
    }
    if (pid) {
        const auto id = agent.proc_.identify(static_cast<std::uint32_t>(*pid));
        if (!id) {
            call.fail("NotFound", {{"reason", "no process has pid " + std::to_string(*pid)}});
            return;
        }
        filter.owner = *id;
    }
    auto sockets = agent.books_->walk(filter);
    if (!sockets) {
        call.fail("BooksFailed", {{"reason", sockets.error().message}});
        return;
    }
    if (unit) {
        std::erase_if(*sockets, [&](const SocketRecord& socket) {
            if (!socket.owner.known()) return true;
            const Owner& owner = agent.resolver_.resolve(socket.owner);
            return owner.unit != *unit && owner.user_unit != *unit && owner.display_name() != *unit;
        });
    }
    auto part = [&agent, sockets = std::move(sockets).value()](std::size_t from, std::size_t count) {
        std::vector<SocketView> views;
        for (std::size_t i = from; i < sockets.size() && i - from < count; i++)
            views.push_back(socket_view(agent, sockets[i]));
        return Call::Part{{{"sockets", views}}, from + count >= sockets.size()};
    };
    if (!call.wants_more()) return call.reply(part(0, std::numeric_limits<std::uint32_t>::max()).parameters);
    call.reply_in_parts([part = std::move(part), from = std::size_t{0}]() mutable {
        return part(std::exchange(from, from + kSocketsAPart), kSocketsAPart);
    });
}

void Queries::list_incidents(Agent& agent, Call call) {
    std::optional<bool> all;
    if (!call.take("all", all)) return;
    const auto incidents = agent.journal_.incidents(!all.value_or(false), 10000);
    if (!incidents) {
        call.fail("StoreFailed", {{"reason", incidents.error().message}});
        return;
    }
    // Open ones as of now: the journal has them as of their last revision.
    std::vector<Incident> fresh = *incidents;
    for (Incident& incident : fresh)
        if (const Incident* open = agent.incidents_.find(incident.id)) incident = *open;
    call.reply({{"incidents", fresh}});
}

void Queries::trace(Agent& agent, Call call) {
    std::optional<std::uint64_t> pid;
    if (!call.take("pid", pid)) return;
    if (!call.wants_more()) {
        call.fail("ExpectedMore");
        return;
    }
    ProcessId process;
    if (pid) {
        const auto id = agent.proc_.identify(static_cast<std::uint32_t>(*pid));
        if (!id || !agent.books_->gauges_of(*id)) {
            call.fail("NotFound",
                      {{"reason", id ? "process " + std::to_string(*pid) + " has had no TCP socket yet"
                                     : "no process has pid " + std::to_string(*pid)}});
            return;
        }
        process = *id;
    }
    agent.trace_streams_.add(std::move(call), process);
    agent.pump_streams();
}

void Queries::reload(Agent& agent, Call call) {
    auto reloaded = agent.reload();
    if (reloaded)
        call.reply(nlohmann::json::object());
    else
        call.fail("InvalidConfig", {{"reason", reloaded.error().message}});
}

void Queries::hold(Agent& agent, Call call) {
    std::optional<std::string> reason;
    if (!call.take("reason", reason)) return;
    const std::string why = reason && !reason->empty() ? *reason : "an operator asked for it";
    auto stored = agent.journal_.set_fact("hold", why);
    if (!stored) {
        call.fail("StoreFailed", {{"reason", stored.error().message}});
        return;
    }
    agent.remedies_->hold(why);
    spdlog::warn("remedies on hold (uid {}): {}", call.peer().uid, printable(why));
    call.reply(nlohmann::json::object());
}

void Queries::release(Agent& agent, Call call) {
    auto stored = agent.journal_.set_fact("hold", "");
    const auto now_ms = read_now().wall.time_since_epoch().count();
    if (stored) stored = agent.journal_.set_fact("released_at_ms", std::to_string(now_ms));
    if (!stored) {
        call.fail("StoreFailed", {{"reason", stored.error().message}});
        return;
    }
    agent.remedies_->release();
    spdlog::warn("remedies released (uid {})", call.peer().uid);
    call.reply(nlohmann::json::object());
}

/// What `sockdog destroy` has done goes into the story of its incident. It counts for no guard rail.
void Queries::report_destroyed(Agent& agent, Call call) {
    std::optional<std::string> incident;
    std::optional<std::string> refusal;
    std::optional<std::uint64_t> pid;
    std::optional<std::uint64_t> start_ticks;
    std::optional<std::uint64_t> destroyed;
    std::optional<std::uint64_t> vanished;
    std::optional<std::uint64_t> refused;
    if (!call.take("incident", incident) || !call.take("refusal", refusal) || !call.take("pid", pid) ||
        !call.take("start_ticks", start_ticks) || !call.take("destroyed", destroyed) ||
        !call.take("vanished", vanished) || !call.take("refused", refused))
        return;
    const auto stored = incident ? agent.journal_.find(*incident) : std::optional<Incident>();
    if (!stored || !*stored) {
        call.fail("NotFound", {{"reason", "there is no incident " + printable(incident.value_or(""))}});
        return;
    }
    RemedyReport report;
    report.outcome = RemedyOutcome::kByHand;
    report.action = "destroy";
    report.target = "sockets of pid " + std::to_string(pid.value_or(0));
    report.process = {static_cast<std::uint32_t>(pid.value_or(0)), start_ticks.value_or(0)};
    report.at = read_now().wall;
    const std::uint64_t all = destroyed.value_or(0) + vanished.value_or(0) + refused.value_or(0);
    report.reason = "destroyed by hand: " + std::to_string(destroyed.value_or(0)) + " of " +
                    std::to_string(all) + ", by uid " + std::to_string(call.peer().uid);
    if (vanished.value_or(0) > 0) report.reason += ", " + std::to_string(*vanished) + " vanished before";
    if (refused.value_or(0) > 0) report.reason += ", " + std::to_string(*refused) + " refused";
    if (refusal && !refusal->empty()) report.reason += " (" + printable(*refusal) + ")";
    agent.on_remedy_report(*incident, report);
    call.reply(nlohmann::json::object());
}

}  // namespace sockdog
