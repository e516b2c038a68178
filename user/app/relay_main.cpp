// `sockdog-relay`: arguments, configuration and signals around the Dispatcher, which runs on a thread of its
// own.

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <systemd/sd-daemon.h>

#include <csignal>
#include <cstdio>
#include <thread>

#include "app/daemon_arguments.h"
#include "app/event_loop.h"
#include "app/log.h"
#include "app/relay_control.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "config/config.h"
#include "relay/dispatcher.h"
#include "web/server.h"

namespace {

using namespace sockdog;

std::map<std::string, std::vector<std::string>> routes_of(const Config& config) {
    std::map<std::string, std::vector<std::string>> routes;
    if (config.defaults.alerts) routes[config.defaults.name] = *config.defaults.alerts;
    for (const Policy& policy : config.policies) {
        if (policy.alerts) routes[policy.name] = *policy.alerts;
    }
    return routes;
}

/// A message may have several lines; each gets its own priority in the journal.
void log_lines(spdlog::level::level_enum level, const std::string& text) {
    for (const std::string& line : split(text, '\n')) spdlog::log(level, "{}", printable(line));
}

/// What the file alone does not tell: whether secrets and certificates can be read by whoever calls.
int check(const DaemonArguments& arguments) {
    const auto config = load_config(arguments.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().message.c_str());
        return 1;
    }
    bool good = true;
    for (const ReceiverSettings& settings : config->receivers) {
        const auto receiver = make_receiver(settings);
        if (receiver) continue;
        std::fprintf(stderr, "%s\n", receiver.error().message.c_str());
        good = false;
    }
    if (good) std::printf("%s is good: %zu receivers\n", arguments.config.c_str(), config->receivers.size());
    return good ? 0 : 1;
}

void reload(const DaemonArguments& arguments, EventLoop& loop, Dispatcher& dispatcher) {
    loop.notify("RELOADING=1");
    const auto config = load_config(arguments.config);
    const Status taken =
        config ? dispatcher.reload(config->receivers, routes_of(*config), config->flap) : config.error();
    if (taken) {
        spdlog::info("{} read again: {} receivers", arguments.config, config->receivers.size());
    } else {
        spdlog::error("{} is not good; the receivers stay as they were:", arguments.config);
        log_lines(spdlog::level::err, taken.error().message);
    }
    loop.notify("READY=1");
}

/// What sockdog-relay.socket listens on; nothing when there is no such unit. EINVAL: more than one.
Result<UniqueFd> passed_socket() {
    const int passed = ::sd_listen_fds(1);
    if (passed < 0) return Error::from_errno("sockets of the service manager", -passed);
    if (passed > 1)
        return make_error("sockdog-relay.socket passes more than one socket: one ListenStream=, please",
                          EINVAL);
    return passed == 1 ? UniqueFd(SD_LISTEN_FDS_START) : UniqueFd();
}

Result<std::unique_ptr<RelayControl>> open_control(const DaemonArguments& arguments, const Config& config,
                                                   EventLoop& loop, Dispatcher& dispatcher) {
    auto passed = passed_socket();
    if (!passed) return passed.error();
    const std::filesystem::path asked = arguments.relay_socket;
    return RelayControl::open(loop, dispatcher,
                              {.passed = std::move(*passed),
                               .socket = asked.empty() ? config.relay_socket : asked,
                               .group = config.control_group});
}

/// The relay's thread beside the loop's, from READY=1 until a signal, or until the relay fails.
int serve(const DaemonArguments& arguments, const Config& config, EventLoop& loop, Dispatcher& dispatcher) {
    const UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const UniqueFd ended(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const auto fail = [](const Error& error) {
        spdlog::critical("{}", error.message);
        return 1;
    };
    if (!stop || !ended) return fail(Error::from_errno("eventfd"));
    for (const int signal : {SIGTERM, SIGINT}) {
        if (auto taken = loop.on_signal(signal, [&] { loop.stop(0); }); !taken) return fail(taken.error());
    }
    auto taken = loop.on_signal(SIGHUP, [&] { reload(arguments, loop, dispatcher); });
    if (!taken) return fail(taken.error());
    if (taken = loop.on_readable(ended.get(), [&] { loop.stop(1); }); !taken) return fail(taken.error());

    const auto control = open_control(arguments, config, loop, dispatcher);
    // Alerts matter more than questions about them.
    if (!control) spdlog::error("`sockdog alerts` will not work: {}", control.error().message);

    std::unique_ptr<WebServer> web;
    if (!config.web.listen.empty()) {
        auto started = WebServer::start(config.web,
                                        arguments.control_socket.empty()
                                            ? config.control_socket
                                            : std::filesystem::path(arguments.control_socket),
                                        [&dispatcher] { return dispatcher.stats(); });
        if (started) {
            web = std::move(*started);
            spdlog::info("metrics and the page are at {}", printable(config.web.listen));
        } else {
            spdlog::error("no metrics and no page: {}", printable(started.error().message));
        }
    }

    std::thread relay([&] {
        if (const Status outcome = dispatcher.run(stop.get()); !outcome)
            spdlog::critical("{}", outcome.error().message);
        ::eventfd_write(ended.get(), 1);
    });
    loop.notify("READY=1");
    const auto code = loop.run();
    loop.notify("STOPPING=1");
    ::eventfd_write(stop.get(), 1);
    relay.join();
    spdlog::info("stopped");
    return code.value_or(1);
}

int run(const DaemonArguments& arguments) {
    const auto config = load_config(arguments.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().message.c_str());
        return 1;
    }
    log_to_stderr(arguments.log_level.empty() ? config->log_level : arguments.log_level);
    auto loop = EventLoop::create();  // before any thread: it blocks the signals
    if (!loop) {
        spdlog::critical("{}", loop.error().message);
        return 1;
    }
    RelaySettings settings;
    settings.control_socket = config->control_socket;
    if (!arguments.control_socket.empty()) settings.control_socket = arguments.control_socket;
    std::filesystem::path state_dir = config->relay_state_dir;
    if (!arguments.state_dir.empty()) state_dir = arguments.state_dir;
    settings.outbox_file = state_dir / "outbox.db";
    settings.receivers = config->receivers;
    settings.routes = routes_of(*config);
    settings.flap = config->flap;
    auto dispatcher = Dispatcher::create(std::move(settings));
    if (!dispatcher) {
        log_lines(spdlog::level::critical, dispatcher.error().message);
        return 1;
    }
    if (config->receivers.empty())
        spdlog::warn("{} names no receivers: nobody is told of anything", arguments.config);
    return serve(arguments, *config, **loop, **dispatcher);
}

}  // namespace

int main(int argc, char** argv) {
    return daemon_main(
        argc, argv,
        {.name = "sockdog-relay",
         .summary = "sockdog-relay delivers the alerts of sockdogd.",
         .check_help = "Check the configuration and the receivers' secrets, say what is wrong, and exit",
         .state_dir_key = "relay.state_dir",
         .helper_dir = "",
         .relay_socket = true,
         .check = check,
         .run = run});
}
