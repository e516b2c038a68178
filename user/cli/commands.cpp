#include "cli/commands.h"

#include <array>
#include <ostream>

#include "base/text.h"
#include "cli/cli.h"
#include "query/varlink_server.h"

namespace sockdog {
namespace {

bool mentions(const Error& error, std::string_view name) {
    return error.message.find(name) != std::string::npos;
}

/// Errors whose reason says all there is to say.
constexpr std::array<std::string_view, 3> kPlainErrors{"NotFound", "InvalidConfig", "PermissionDenied"};

/// Methods and errors carry the name of the interface, which tells an operator nothing.
std::string without_interface(std::string message) {
    const std::string prefix = std::string(kInterface) + ".";
    for (const std::string_view name : kPlainErrors) {
        // METHOD: INTERFACE.NAME: REASON
        const std::string before = "." + std::string(name) + ": ";
        const auto at = message.find(before);
        if (at != std::string::npos && message.find(": ") == message.rfind(": ", at))
            message.erase(0, at + before.size());
    }
    for (auto at = message.find(prefix); at != std::string::npos; at = message.find(prefix, at)) {
        message.erase(at, prefix.size());
    }
    return message;
}

int code_of(const Error& error) {
    switch (error.code) {
        case ENOENT:
        case ECONNREFUSED:
        case ECONNRESET:
        case EPIPE:
        case ETIMEDOUT:
            return kExitUnavailable;
        case EACCES:
        case EPERM:
            return kExitNoPermission;
        case ESRCH:
            return kExitProblem;
        default:
            break;
    }
    // Errors by name, as the daemon gives them.
    if (mentions(error, "PermissionDenied")) return kExitNoPermission;
    for (const std::string_view name : {".NotFound", ".InvalidConfig"}) {
        if (mentions(error, std::string(kInterface).append(name))) return kExitProblem;
    }
    return kExitSoftware;
}

int show_version(const Options& options, const Surroundings& io) {
    if (options.json) {
        io.out << pretty({{"version", SOCKDOG_VERSION}});
    } else {
        io.out << "sockdog " << SOCKDOG_VERSION << "\n";
    }
    return kExitOk;
}

int dispatch(const Options& options, const Surroundings& io) {
    switch (options.command) {
        case Command::kStatus:
            return options.check ? check(options, io) : show_status(options, io);
        case Command::kPs:
            return show_ps(options, io);
        case Command::kSockets:
            return show_sockets(options, io);
        case Command::kIncidents:
            return show_incidents(options, io);
        case Command::kExplain:
            return explain(options, io);
        case Command::kFlamegraph:
            return flamegraph(options, io);
        case Command::kTrace:
            return trace(options, io);
        case Command::kScan:
            return scan(options, io);
        case Command::kReload:
            return reload(options, io);
        case Command::kHold:
            return hold(options, io);
        case Command::kRelease:
            return release(options, io);
        case Command::kDestroy:
            return destroy(options, io);
        case Command::kRun:
            return run_command_watched(options, io);
        case Command::kDoctor:
            return doctor(options, io);
        case Command::kBacktest:
            return backtest(options, io);
        case Command::kAlerts:
            return alerts(options, io);
        case Command::kSilence:
            return silence(options, io);
        case Command::kTop:
            return top(options, io);
        case Command::kVersion:
            return show_version(options, io);
    }
    return kExitSoftware;
}

}  // namespace

int fail(const Surroundings& io, const Error& error) {
    // Several lines where the daemon explains a configuration: each is made safe by itself.
    bool first = true;
    for (const std::string& line : split(without_interface(error.message), '\n')) {
        if (trim(line).empty() && !first) continue;
        io.err << (first ? "sockdog: " : "  ") << printable(line) << "\n";
        first = false;
    }
    const int code = code_of(error);
    if (code == kExitNoPermission && !mentions(error, "root") && !mentions(error, "sudo")) {
        io.err << "  Reading needs root or the group of the control socket, acting needs root; try sudo.\n";
    }
    return code;
}

std::string full_name(std::string_view method) {
    return std::string(kInterface).append(".").append(method);
}

Result<nlohmann::json> ask(const Options& options, const std::string& method,
                           const nlohmann::json& parameters) {
    auto client = VarlinkClient::connect(options.socket);
    if (!client) return client.error();
    return client->call(full_name(method), parameters, kPatience);
}

std::string pretty(const nlohmann::json& j) {
    return j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int run_command(const Options& options, const Surroundings& io) {
    try {
        return dispatch(options, io);
    } catch (const nlohmann::json::exception& e) {
        return fail(
            io, make_error(
                    std::string("the answer of sockdogd makes no sense to this sockdog; are both of the same "
                                "version? (") +
                    e.what() + ")"));
    }
}

}  // namespace sockdog
