// `sockdogd`, the agent: arguments, configuration, signals, and the loop.

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>

#include "app/agent.h"
#include "app/daemon_arguments.h"
#include "app/log.h"
#include "probe/kept_books.h"

namespace {

using namespace sockdog;

int check(const DaemonArguments& arguments) {
    const auto config = load_config(arguments.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().message.c_str());
        return 1;
    }
    std::printf("%s is good: %zu policies, %zu receivers\n", arguments.config.c_str(),
                config->policies.size(), config->receivers.size());
    return 0;
}

/// Also where the configuration cannot be read any more: the package may be on its way out.
int discard(const DaemonArguments& arguments) {
    log_to_stderr("info");
    const auto config = load_config(arguments.config);
    if (!config) std::fprintf(stderr, "%s\n", config.error().message.c_str());
    const auto directory = (config ? config->books : BooksSettings()).pin_directory;
    const auto discarded = discard_books(directory);
    if (!discarded) {
        std::fprintf(stderr, "the books are not removed: %s\n", discarded.error().message.c_str());
        return 1;
    }
    std::printf("%s: %s\n", directory.c_str(),
                discarded->nothing() ? "no books" : ("removed " + discarded->to_string()).c_str());
    return 0;
}

int run(const DaemonArguments& arguments) {
    auto config = load_config(arguments.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().message.c_str());
        return 1;
    }
    if (!arguments.control_socket.empty()) config->control_socket = arguments.control_socket;
    if (!arguments.state_dir.empty()) config->state_dir = arguments.state_dir;
    if (!arguments.log_level.empty()) config->log_level = arguments.log_level;
    log_to_stderr(config->log_level);

    auto loop = EventLoop::create();
    if (!loop) {
        spdlog::critical("{}", loop.error().message);
        return 1;
    }
    const std::string helpers = arguments.helper_dir.empty() ? SOCKDOG_HELPER_DIR : arguments.helper_dir;
    auto agent = Agent::create(**loop, std::move(*config), helpers);
    if (!agent) {
        spdlog::critical("{}", agent.error().message);
        return 1;
    }
    bool told_to_end = false;
    for (const int signal : {SIGTERM, SIGINT}) {
        auto taken = (*loop)->on_signal(signal, [&] {
            told_to_end = true;
            (*loop)->stop(0);
        });
        if (!taken) spdlog::warn("{}", taken.error().message);
    }
    auto taken = (*loop)->on_signal(SIGHUP, [&] { static_cast<void>((*agent)->reload()); });
    if (!taken) spdlog::warn("{}", taken.error().message);
    (*loop)->notify("READY=1");
    const auto code = (*loop)->run();
    (*loop)->notify("STOPPING=1");
    if (told_to_end) (*agent)->leave();
    spdlog::info("stopped");
    return code.value_or(1);
}

}  // namespace

int main(int argc, char** argv) {
    return daemon_main(argc, argv,
                       {.name = "sockdogd",
                        .summary = "sockdogd watches every TCP socket of the host for leaks, per process.",
                        .check_help = "Check the configuration, say what is wrong, and exit",
                        .state_dir_key = "state_dir",
                        .helper_dir = SOCKDOG_HELPER_DIR,
                        .check = check,
                        .run = run,
                        .discard_books = discard});
}
