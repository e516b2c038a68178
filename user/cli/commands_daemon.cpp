// The commands that ask the daemon once and print its answer.

#include <time.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <ostream>

#include "base/text.h"
#include "cli/check.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/explain.h"
#include "cli/explain_sites.h"
#include "cli/render.h"
#include "probe/namespaces.h"

namespace sockdog {
namespace {

using nlohmann::json;

/// Asks, then prints the answer as it came or what `text` makes of it.
template <typename Text>
int answer(const Options& options, const Surroundings& io, const std::string& method, const json& parameters,
           Text text) {
    const auto reply = ask(options, method, parameters);
    if (!reply) return fail(io, reply.error());
    io.out << (options.json ? pretty(*reply) : text(*reply));
    return kExitOk;
}

/// A command that only acts: `done` says that it did.
int act(const Options& options, const Surroundings& io, const std::string& method, const json& parameters,
        const std::string& done) {
    return answer(options, io, method, parameters, [&](const json&) { return done + "\n"; });
}

std::optional<std::uint64_t> local_ports_of(const ProcRoot& proc, std::uint32_t netns) {
    const auto own = proc.read_link(static_cast<std::uint32_t>(::getpid()), "ns/net");
    if (!own || *own != "net:[" + std::to_string(netns) + "]")
        return std::nullopt;  // each namespace has its own range
    const auto range = proc.read_global("sys/net/ipv4/ip_local_port_range");
    if (!range) return std::nullopt;
    return count_local_ports(*range, proc.read_global("sys/net/ipv4/ip_local_reserved_ports").value_or(""));
}

/// What this process may see for itself; in another pid namespace the pid is somebody else's and nothing is
/// said.
LocalFacts local_facts(const ProcRoot& proc, const ExplainView& view) {
    LocalFacts facts;
    const ProcessId process = view.process.owner.process;
    const auto found =
        process.known() ? proc.identify(process.pid) : Result<ProcessId>(make_error("no process"));
    if (found && *found == process) {
        if (const auto fds = proc.count_fds(process.pid)) facts.open_fds = *fds;
        // The process may have ended and its pid been given away while its fds were counted.
        const auto again = proc.identify(process.pid);
        if (!again || *again != process) facts.open_fds.reset();
    }
    if (!view.incidents.empty())
        facts.local_ports = local_ports_of(proc, view.incidents.front().latest.netns);
    return facts;
}

Result<StatusView> ask_status(const Options& options) {
    const auto reply = ask(options, "GetStatus");
    if (!reply) return reply.error();
    return reply->at("status").get<StatusView>();
}

void pause_for(Duration pause) {
    timespec left{};
    left.tv_sec = static_cast<time_t>(pause / 1s);
    left.tv_nsec = static_cast<long>((pause % 1s).count());
    while (::clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
    }
}

CheckResult check_result(const Options& options, const Surroundings& io) {
    const auto status = ask_status(options);
    if (!status) return check_unknown(status.error().message);
    if (status->losses.lost() == 0) return check_status(*status, std::nullopt);
    pause_for(io.recheck);
    const auto later = ask_status(options);
    if (!later) return check_unknown(later.error().message);
    return check_status(*status, *later);
}

}  // namespace

int show_status(const Options& options, const Surroundings& io) {
    return answer(options, io, "GetStatus", json::object(), [&](const json& reply) {
        return render_status(reply.at("status").get<StatusView>(), read_now(), io.style);
    });
}

int check(const Options& options, const Surroundings& io) {
    CheckResult result;
    try {
        result = check_result(options, io);
    } catch (const json::exception& e) {
        result = check_unknown(std::string("the answer of sockdogd makes no sense: ") + e.what());
    }
    io.out << result.line;
    return static_cast<int>(result.state);
}

int show_ps(const Options& options, const Surroundings& io) {
    return answer(options, io, "ListProcesses", {{"exact", options.exact}}, [&](const json& reply) {
        return render_ps(reply.at("processes").get<std::vector<ProcessView>>(), options.sort, options.all,
                         io.style);
    });
}

int show_sockets(const Options& options, const Surroundings& io) {
    json parameters = json::object();
    if (options.pid) parameters["pid"] = *options.pid;
    if (options.unit) parameters["unit"] = json_safe(*options.unit);
    if (options.state) parameters["state"] = to_string(*options.state);
    auto client = VarlinkClient::connect(options.socket);
    if (!client) return fail(io, client.error());
    std::vector<SocketView> sockets;
    json raw = json::array();
    const auto take = [&](json& reply) {
        json& part = reply.at("sockets");
        if (options.json)
            std::move(part.begin(), part.end(), std::back_inserter(raw));
        else
            std::transform(part.begin(), part.end(), std::back_inserter(sockets),
                           [](const json& socket) { return socket.get<SocketView>(); });
        return true;
    };
    const Status got = client->stream(full_name("ListSockets"), parameters, take, -1, kPatience);
    if (!got) return fail(io, got.error());
    io.out << (options.json      ? pretty({{"sockets", std::move(raw)}})
               : options.by_site ? render_sockets_by_site(sockets, io.style)
                                 : render_sockets(std::move(sockets), read_now(), io.style));
    return kExitOk;
}

int show_incidents(const Options& options, const Surroundings& io) {
    return answer(options, io, "ListIncidents", {{"all", options.all}}, [&](const json& reply) {
        return render_incidents(reply.at("incidents").get<std::vector<Incident>>(), read_now(), io.style);
    });
}

int explain(const Options& options, const Surroundings& io) {
    json parameters = json::object();
    if (options.pid) parameters["pid"] = *options.pid;
    if (options.incident) parameters["incident"] = *options.incident;
    return answer(options, io, "Explain", parameters, [&](const json& reply) {
        const auto view = reply.at("explanation").get<ExplainView>();
        return render_explanation(view, local_facts(io.proc, view), read_now(), io.style, options.stacks);
    });
}

int flamegraph(const Options& options, const Surroundings& io) {
    const auto reply = ask(options, "Explain", {{"pid", *options.pid}});
    if (!reply) return fail(io, reply.error());
    auto view = reply->at("explanation").get<ExplainView>();
    if (options.json) {
        io.out << pretty({{"call_sites", reply->at("explanation").at("call_sites")}});
        return kExitOk;
    }
    if (view.call_sites.empty())
        return fail(io,
                    make_error("no connection of pid " + std::to_string(*options.pid) +
                               " was opened while its lines of code were looked at: they are of suspects, "
                               "and of processes with 'call_sites: always' in their policy"));
    const std::string title =
        "Connections of " + name_of(view.process.owner) + ", pid " + std::to_string(*options.pid);
    io.out << (options.folded ? folded_text(std::move(view.call_sites))
                              : flame_graph_text(std::move(view.call_sites), title));
    return kExitOk;
}

int reload(const Options& options, const Surroundings& io) {
    return act(options, io, "Reload", json::object(), "The configuration was read again and applies.");
}

int hold(const Options& options, const Surroundings& io) {
    json parameters = json::object();
    if (!options.reason.empty()) parameters["reason"] = json_safe(options.reason);
    return act(options, io, "Hold", parameters, "All remedies are on hold; 'sockdog release' ends it.");
}

int release(const Options& options, const Surroundings& io) {
    return act(options, io, "Release", json::object(), "Remedies may act again, as the policies say.");
}

}  // namespace sockdog
