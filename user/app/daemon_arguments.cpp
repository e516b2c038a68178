#include "app/daemon_arguments.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "base/text.h"

namespace sockdog {

int daemon_main(int argc, char** argv, const DaemonProgram& program) {
    DaemonArguments arguments;
    CLI::App app(program.summary, program.name);
    app.add_option("-c,--config", arguments.config, "Configuration file")->capture_default_str();
    app.add_flag("--check-config", arguments.check_config, program.check_help);
    app.add_option("--control-socket", arguments.control_socket,
                   "Instead of control.socket in the configuration");
    app.add_option("--state-dir", arguments.state_dir,
                   "Instead of " + program.state_dir_key + " in the configuration");
    app.add_option("--log-level", arguments.log_level, "Instead of log_level in the configuration")
        ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "critical", "off"}));
    if (!program.helper_dir.empty()) {
        app.add_option("--helper-dir", arguments.helper_dir,
                       "Where sockdog-monit and sockdog-names are, as an absolute path")
            ->check([](const std::string& path) {
                return path.starts_with('/') ? std::string()
                                             : "give an absolute path, not " + printable(path);
            })
            ->default_str(program.helper_dir);
    }
    if (program.relay_socket)
        app.add_option("--socket", arguments.relay_socket, "Instead of relay.socket in the configuration");
    if (program.discard_books)
        app.add_flag("--discard-books", arguments.discard_books,
                     "Remove the books that no sockdogd keeps at present from the kernel, and exit");
    app.set_version_flag("--version", program.name + " " SOCKDOG_VERSION);
    CLI11_PARSE(app, argc, argv);
    try {
        if (arguments.discard_books) return program.discard_books(arguments);
        return arguments.check_config ? program.check(arguments) : program.run(arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", program.name.c_str(), error.what());
        return 70;
    }
}

}  // namespace sockdog
