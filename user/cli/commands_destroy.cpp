// `sockdog destroy INCIDENT`: the daemon says whose sockets, a person says yes, the kernel does it, and the
// daemon writes it down. The daemon itself is not permitted to destroy anything.
#include <algorithm>
#include <istream>
#include <ostream>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/destroy.h"

namespace sockdog {
namespace {

using nlohmann::json;

int refuse(const Surroundings& io, const std::string& why) {
    return fail(io, make_error(why, ESRCH));
}

/// The daemon's error, and what incidents there are where it has no such one.
int not_explained(const Options& options, const Surroundings& io, const Error& error) {
    if (error.code != ESRCH) return fail(io, error);
    const auto reply = ask(options, "ListIncidents", {{"all", false}});
    if (!reply) return fail(io, error);
    return refuse(io,
                  no_such_incident(*options.incident, reply->at("incidents").get<std::vector<Incident>>()));
}

/// Nothing: go on. Else the exit code.
std::optional<int> confirm(const Options& options, const Surroundings& io, std::size_t sockets) {
    if (options.yes) return std::nullopt;
    if (io.terminal == nullptr) {
        io.err << "sockdog: there is no terminal to ask at; say --yes to destroy them, or --dry-run\n";
        return kExitUsage;
    }
    io.err << "Destroy " << (sockets == 1 ? "it" : "these " + std::to_string(sockets)) << "? [y/N] "
           << std::flush;
    std::string answer;
    std::getline(*io.terminal, answer);
    const std::string_view word = trim(answer);
    if (word == "y" || word == "Y" || word == "yes") return std::nullopt;
    io.err << "Nothing was destroyed.\n";
    return kExitProblem;
}

/// Has the daemon write it down.
Status report(const Options& options, const Incident& incident, const DestroyResult& result) {
    json parameters = {{"incident", incident.id},
                       {"pid", incident.latest.process.pid},
                       {"start_ticks", incident.latest.process.start_ticks},
                       {"destroyed", result.count(SocketFate::kDestroyed)},
                       {"vanished", result.count(SocketFate::kVanished)},
                       {"refused", result.count(SocketFate::kRefused)}};
    if (result.refusal) parameters["refusal"] = json_safe(result.refusal->message);
    const auto told = ask(options, "ReportDestroyed", parameters);
    if (!told) return told.error().within("it was done, but sockdogd did not write it down");
    return Ok{};
}

int carry_out(const Options& options, const Surroundings& io, const Incident& incident,
              const DestroyPlan& plan) {
    const auto result = io.kernel->destroy(incident, plan);
    if (!result) return fail(io, result.error());
    const Status told = report(options, incident, *result);
    if (options.json)
        io.out << pretty(destroy_json(incident, plan, &*result));
    else
        io.out << destroyed_sentence(*result) << ".\n";
    if (result->refusal) return fail(io, *result->refusal);
    return told ? kExitOk : fail(io, told.error());
}

}  // namespace

int destroy(const Options& options, const Surroundings& io) {
    if (io.kernel == nullptr) return fail(io, make_error("this build of sockdog cannot destroy sockets"));
    const auto reply = ask(options, "Explain", {{"incident", *options.incident}});
    if (!reply) return not_explained(options, io, reply.error());
    const auto view = reply->at("explanation").get<ExplainView>();
    if (view.incidents.empty()) return refuse(io, no_such_incident(*options.incident, {}));
    const Incident& incident = view.incidents.front();
    if (const auto why = undestroyable(incident)) return refuse(io, *why);

    const auto plan = io.kernel->plan_destroy(incident);
    if (!plan) return fail(io, plan.error());
    const std::uint32_t established = view.process.gauges.in(TcpState::kEstablished);
    if (plan->chosen.empty()) return refuse(io, nothing_to_destroy(incident, *plan, established));
    std::ostream& talk = options.json ? io.err : io.out;
    talk << destroy_warning(incident, *plan, established) << std::flush;
    if (options.dry_run) {
        if (options.json)
            io.out << pretty(destroy_json(incident, *plan, nullptr));
        else
            io.out << "Nothing was destroyed: --dry-run.\n";
        return kExitOk;
    }
    if (!plan->permitted)
        return fail(io, make_error("destroying sockets needs root (CAP_NET_ADMIN); try sudo", EPERM));
    if (const auto code = confirm(options, io, plan->chosen.size())) return *code;
    return carry_out(options, io, incident, *plan);
}

}  // namespace sockdog
