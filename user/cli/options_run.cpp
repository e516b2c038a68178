#include "cli/options_run.h"

#include <CLI/CLI.hpp>

#include <charconv>

#include "base/text.h"

namespace sockdog {
namespace {

std::optional<std::string> read_classes(const std::string& words, RunOptions& run) {
    if (words.empty()) return std::nullopt;
    run.classes.clear();
    std::vector<std::string> names;
    for (const RunClass one : kRunClasses) names.emplace_back(to_string(one));
    for (const std::string& word : split(words, ',')) {
        if (const auto found = run_class_from(trim(word))) {
            run.classes.insert(*found);
            continue;
        }
        const auto near = nearest(word, names);
        return "--class: '" + printable(word) + "' is none of close_wait, open, dead_fd" +
               (near ? "; did you mean '" + *near + "'?" : "");
    }
    return std::nullopt;
}

std::optional<std::string> read_max(const std::string& word, RunOptions& run) {
    if (word.empty()) return std::nullopt;
    const char* end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, run.max);
    if (error == std::errc{} && stop == end) return std::nullopt;
    return "--max: '" + printable(word) + "' is no number of sockets";
}

}  // namespace

void add_run(CLI::App& app, RunOptions& run, RunWords& words) {
    auto* command = app.add_subcommand("run", "Run a command and tell which connections it leaked (root)");
    command->add_option("--max", words.max, "Allow so many leaked sockets in all; else 0")->type_name("N");
    command->add_option("--class", words.classes, "Which count, as close_wait,open; else all of them")
        ->type_name("CLASS");
    command->add_option("--ignore", run.ignore, "Known leaks that do not count (YAML)")->type_name("FILE");
    command->add_option("--warm-up", words.warm_up, "Sockets opened before that do not count")
        ->type_name("DURATION");
    command->add_option("--user", run.user, "The command gets the rights of this user")->type_name("NAME");
    command->add_flag("--count-late", run.count_late, "Also what was closed only by the end of a process");
    command->add_flag("--no-call-sites", run.no_call_sites, "Do not find out which lines open connections");
    command->add_option("--helper-dir", run.helper_dir, "Where sockdog-names is, which finds the lines")
        ->type_name("DIR")
        ->capture_default_str();
    command->add_flag("--full-stacks", run.full_stacks, "All frames of each leak");
    command->add_option("--junit", run.junit, "Also write a JUnit report")->type_name("FILE");
    command->add_option("--sarif", run.sarif, "Also write a SARIF 2.1.0 report")->type_name("FILE");
    command->add_option("command", words.misplaced, "The command and its arguments")
        ->type_name("-- COMMAND [ARG...]");
}

std::optional<std::string> read_run(const RunWords& words, RunOptions& run) {
    if (!words.misplaced.empty())
        return "'run' does not take '" + printable(words.misplaced.front()) +
               "' here; put the command behind --, as 'sockdog run -- make check'";
    if (run.command.empty() || run.command.front().empty())
        return std::string("'run' needs -- and a command, as 'sockdog run -- make check'");
    if (auto error = read_max(words.max, run)) return error;
    if (!words.warm_up.empty()) {
        auto warm_up = parse_duration(words.warm_up);
        if (!warm_up) return "--warm-up: " + warm_up.error().message;
        run.warm_up = *warm_up;
    }
    return read_classes(words.classes, run);
}

}  // namespace sockdog
