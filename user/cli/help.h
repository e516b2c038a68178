// The texts of `sockdog`, `sockdog --help` and `sockdog COMMAND --help`. Any thread.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace sockdog {

/// For `sockdog` alone: the commands one reaches for first.
std::string short_help();
/// Everything, with examples and exit codes.
std::string full_help(const CLI::App& app);
std::string command_help(const CLI::App& command);

}  // namespace sockdog
