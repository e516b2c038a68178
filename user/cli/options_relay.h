// The options of the commands that ask sockdog-relay, from words to values. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"

namespace CLI {
class App;
}

namespace sockdog {

/// As they were given.
struct RelayWords {
    std::string action, target;     // alerts
    std::string pause, until, end;  // silence
};

/// Both outlive `app`.
void add_relay(CLI::App& app, Options& options, RelayWords& words);
/// What is wrong with them, or nothing. `now` is what --for counts from.
std::optional<std::string> read_relay(const RelayWords& words, WallTime now, Options& options);

/// Of `alerts`, in the order of help.
std::vector<std::string> alert_actions();

}  // namespace sockdog
