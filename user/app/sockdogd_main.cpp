// `sockdogd`, the agent: arguments, configuration, signals, and the loop.

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "app/agent.h"
#include "app/log.h"

namespace {

using namespace sockdog;

struct Arguments {
    std::string config = "/etc/sockdog/sockdog.yaml";
    std::string control_socket;
    std::string state_dir;
    std::string log_level;
    bool check_config = false;
};

int check(const Arguments& arguments) {
    const auto config = load_config(arguments.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().message.c_str());
        return 1;
    }
    std::printf("%s is good: %zu policies, %zu receivers\n", arguments.config.c_str(),
                config->policies.size(), config->receivers.size());
    return 0;
}

int run(const Arguments& arguments) {
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
    auto agent = Agent::create(**loop, std::move(*config));
    if (!agent) {
        spdlog::critical("{}", agent.error().message);
        return 1;
    }
    for (const int signal : {SIGTERM, SIGINT}) {
        auto taken = (*loop)->on_signal(signal, [&] { (*loop)->stop(0); });
        if (!taken) spdlog::warn("{}", taken.error().message);
    }
    auto taken = (*loop)->on_signal(SIGHUP, [&] { static_cast<void>((*agent)->reload()); });
    if (!taken) spdlog::warn("{}", taken.error().message);
    (*loop)->notify("READY=1");
    const auto code = (*loop)->run();
    (*loop)->notify("STOPPING=1");
    spdlog::info("stopped");
    return code.value_or(1);
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    CLI::App app("sockdogd watches every TCP socket of the host for leaks, per process.", "sockdogd");
    app.add_option("-c,--config", arguments.config, "Configuration file")->capture_default_str();
    app.add_flag("--check-config", arguments.check_config,
                 "Check the configuration, say what is wrong, and exit");
    app.add_option("--control-socket", arguments.control_socket,
                   "Instead of control.socket in the configuration");
    app.add_option("--state-dir", arguments.state_dir, "Instead of state_dir in the configuration");
    app.add_option("--log-level", arguments.log_level, "Instead of log_level in the configuration")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
    app.set_version_flag("--version", "sockdogd " SOCKDOG_VERSION);
    CLI11_PARSE(app, argc, argv);
    try {
        return arguments.check_config ? check(arguments) : run(arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "sockdogd: %s\n", error.what());
        return 70;
    }
}
