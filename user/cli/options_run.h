// The options of `run`, from words to values. Any thread.
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
struct RunWords {
    std::string max, classes, warm_up;
    std::vector<std::string> misplaced;  // before --
};

/// Both outlive `app`.
void add_run(CLI::App& app, RunOptions& run, RunWords& words);
/// What is wrong with them, or nothing. `run.command` is filled already.
std::optional<std::string> read_run(const RunWords& words, RunOptions& run);

}  // namespace sockdog
