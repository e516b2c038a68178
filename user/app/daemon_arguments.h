// What the two daemons take on their command lines, and how they begin and end.
#pragma once

#include <functional>
#include <string>

namespace sockdog {

/// Empty: as the configuration says.
struct DaemonArguments {
    std::string config = "/etc/sockdog/sockdog.yaml";
    std::string control_socket;
    std::string state_dir;
    std::string log_level;
    std::string helper_dir;    // sockdogd only
    std::string relay_socket;  // sockdog-relay only
    bool check_config = false;
    bool discard_books = false;
};

struct DaemonProgram {
    std::string name;
    std::string summary;
    std::string check_help;
    std::string state_dir_key;  // that --state-dir stands in for
    std::string helper_dir;     // where it looks for its helpers; empty: it has none
    bool relay_socket = false;  // it has one
    std::function<int(const DaemonArguments&)> check;
    std::function<int(const DaemonArguments&)> run;
    std::function<int(const DaemonArguments&)> discard_books = {};  // --discard-books, where there are books
};

/// Parses, then checks or runs. The exit code: CLI11's for bad arguments, 70 for what was thrown, else
/// theirs.
int daemon_main(int argc, char** argv, const DaemonProgram& program);

}  // namespace sockdog
