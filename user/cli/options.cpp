#include "cli/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <span>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/help.h"
#include "cli/options_relay.h"
#include "cli/options_run.h"

namespace sockdog {
namespace {

constexpr std::array<std::pair<std::string_view, SortKey>, 10> kSortKeys{
    {{"close_wait", SortKey::kCloseWait},
     {"total", SortKey::kTotal},
     {"established", SortKey::kEstablished},
     {"listen", SortKey::kListen},
     {"fin_wait2", SortKey::kFinWait2},
     {"dead", SortKey::kDead},
     {"opened", SortKey::kOpened},
     {"failed", SortKey::kFailed},
     {"pid", SortKey::kPid},
     {"name", SortKey::kName}}};

/// A message for stderr, with the nearest candidate where one is near.
std::string hint(const std::string& message, std::string_view word, std::span<const std::string> candidates) {
    const auto near = nearest(word, candidates);
    return near ? message + "; did you mean '" + *near + "'?" : message;
}

bool all_digits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::uint32_t> parse_pid(std::string_view text) {
    std::uint32_t pid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc{} || end != text.data() + text.size() || pid == 0) return std::nullopt;
    return pid;
}

std::string bad_pid(std::string_view text) {
    return "'" + printable(text) + "' is no process id; give a number as 'sockdog ps' shows it";
}

/// Fills `options` from the raw words; an error text or nothing.
struct Words {
    std::string sort, who, state, by, explain, flamegraph, destroy, trace, watch, since, shell, interval;
    std::vector<std::string> reason;
    RunWords run;
    RelayWords relay;
};

std::optional<std::string> read_sort(const Words& words, Options& options) {
    if (words.sort.empty()) return std::nullopt;
    std::vector<std::string> names;
    std::string list;
    for (const auto& [name, key] : kSortKeys) {
        if (name == words.sort) {
            options.sort = key;
            return std::nullopt;
        }
        names.emplace_back(name);
        list += (list.empty() ? "" : ", ") + names.back();
    }
    return hint("cannot sort by '" + printable(words.sort) + "'; known are " + list, words.sort, names);
}

std::optional<std::string> read_state(const Words& words, Options& options) {
    if (words.state.empty()) return std::nullopt;
    std::string name = words.state;
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
        if (c == '-') return '_';
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    if (name == "ESTAB") name = "ESTABLISHED";  // as ss abbreviates it
    if (name == "DEAD") name = "CLOSE";         // as the column of `ps` is called
    options.state = tcp_state_from(name);
    if (options.state && *options.state != TcpState::kUnknown) return std::nullopt;
    std::vector<std::string> names;
    for (std::size_t i = 1; i < kTcpStateCount; ++i) names.emplace_back(to_string(static_cast<TcpState>(i)));
    return hint("'" + printable(words.state) + "' is no TCP state", name, names);
}

std::optional<std::string> read_by(const Words& words, Options& options) {
    if (words.by.empty()) return std::nullopt;
    const std::vector<std::string> known{"site"};
    if (words.by != known.front())
        return hint("cannot put sockets together by '" + printable(words.by) + "'; known is site", words.by,
                    known);
    options.by_site = true;
    return std::nullopt;
}

bool is_incident(std::string_view text) {
    return text.size() > 1 && text[0] == 'i' && all_digits(text.substr(1));
}

std::optional<std::string> read_destroy(const Words& words, Options& options) {
    if (options.command != Command::kDestroy) return std::nullopt;
    if (!is_incident(words.destroy))
        return "destroy: '" + printable(words.destroy) +
               "' is no incident; name one as i7, see 'sockdog incidents'";
    if (options.yes && options.dry_run)
        return std::string("--yes acts and --dry-run does not; give one of them");
    options.incident = words.destroy;
    return std::nullopt;
}

std::optional<std::string> read_who(const Words& words, Options& options) {
    if (options.command == Command::kSockets && !words.who.empty()) {
        if (!all_digits(words.who)) {
            options.unit = words.who;
        } else if (!(options.pid = parse_pid(words.who))) {
            return bad_pid(words.who);
        }
    }
    if (options.command == Command::kTrace && !words.trace.empty()) {
        if (!(options.pid = parse_pid(words.trace))) return bad_pid(words.trace);
    }
    if (options.command == Command::kFlamegraph) {
        if (!(options.pid = parse_pid(words.flamegraph))) return bad_pid(words.flamegraph);
    }
    if (options.command != Command::kExplain) return std::nullopt;
    if (is_incident(words.explain)) {
        options.incident = words.explain;
        return std::nullopt;
    }
    options.pid = parse_pid(words.explain);
    if (options.pid) return std::nullopt;
    return "explain: '" + printable(words.explain) +
           "' is neither a process id (as 4242, see 'sockdog ps') nor an incident (as i7, see 'sockdog "
           "incidents')";
}

std::optional<std::string> read_words(const Words& words, Options& options) {
    if (auto error = read_sort(words, options)) return error;
    if (auto error = read_state(words, options)) return error;
    if (auto error = read_by(words, options)) return error;
    if (auto error = read_who(words, options)) return error;
    if (auto error = read_destroy(words, options)) return error;
    if (options.command == Command::kRun) {
        if (auto error = read_run(words.run, options.run)) return error;
    }
    for (const std::string& word : words.reason) options.reason += (options.reason.empty() ? "" : " ") + word;
    if (!words.watch.empty()) {
        auto watch = parse_duration(words.watch);
        if (!watch) return "--watch: " + watch.error().message;
        if (*watch < 1s || *watch > 24h)
            return std::string("--watch: give a pause between 1s and 24h, as 30s or 5m");
        options.watch = *watch;
    }
    if (!words.interval.empty()) {
        auto interval = parse_duration(words.interval);
        if (!interval) return "--interval: " + interval.error().message;
        if (*interval < 500ms || *interval > 1h)
            return std::string("--interval: allowed is a duration from 500ms to 1h");
        options.interval = *interval;
    }
    if (!words.since.empty()) {
        auto since = parse_duration(words.since);
        if (!since) return "--since: " + since.error().message;
        options.since = *since;
    }
    if (options.command == Command::kBacktest && options.config.empty())
        return std::string("'backtest' needs --config FILE: the configuration to try");
    if (auto error = read_relay(words.relay, read_now().wall, options)) return error;
    if (options.check && options.json)
        return std::string("--check prints one line for a monitoring system; leave out --json");
    return std::nullopt;
}

void add_queries(CLI::App& app, Options& options, Words& words) {
    auto* status = app.add_subcommand("status", "Whether sockdogd runs, what it sees and what it lost");
    status->add_flag("--check", options.check, "One line and exit code for Nagios-like monitoring");
    auto* ps = app.add_subcommand("ps", "Processes and their sockets by state");
    ps->add_flag("--exact", options.exact,
                 "Sweep all fds first (slower), so that passed sockets count for their holder");
    ps->add_flag("--all", options.all, "Also processes without a socket now");
    ps->add_option("--sort", words.sort, "close_wait (default), total, established, ... see below")
        ->type_name("KEY");
    auto* top = app.add_subcommand("top", "Processes and incidents live, until q");
    top->add_option("--interval", words.interval, "Between two looks; else 2s")->type_name("DURATION");
    top->add_option("--sort", words.sort, "As of ps; keys change it")->type_name("KEY");
    auto* sockets = app.add_subcommand("sockets", "Sockets one by one, the longest in CLOSE_WAIT first");
    sockets->add_option("who", words.who, "Only of this process or systemd unit")->type_name("PID|UNIT");
    sockets->add_option("--state", words.state, "Only in this state, as CLOSE_WAIT")->type_name("STATE");
    sockets->add_option("--by", words.by, "site: how many by the line of code that opened them")
        ->type_name("WHAT");
    auto* incidents = app.add_subcommand("incidents", "Leaks that are open");
    incidents->add_flag("--all", options.all, "Also resolved ones");
    auto* explain = app.add_subcommand("explain", "The story of a leak, or why a process has none");
    explain->add_option("what", words.explain, "Process id, or incident as i7")
        ->type_name("PID|INCIDENT")
        ->required();
    explain->add_flag("--stacks", options.stacks, "All frames of the lines that opened its sockets");
    auto* flamegraph =
        app.add_subcommand("flamegraph", "Who opened a process's sockets, as a flame graph (SVG)");
    flamegraph->add_option("pid", words.flamegraph, "Process id")->type_name("PID")->required();
    flamegraph->add_flag("--folded", options.folded, "Folded stacks, as flamegraph.pl reads them");
    auto* trace = app.add_subcommand("trace", "Every TCP state change as it happens, until Ctrl-C");
    trace->add_option("pid", words.trace, "Only of this process")->type_name("PID");
}

void add_others(CLI::App& app, Options& options, Words& words) {
    auto* scan = app.add_subcommand("scan", "Look for leaks once, without a daemon (root)");
    scan->add_option("--watch", words.watch, "Look twice with this pause and report what grew")
        ->type_name("DURATION");
    app.add_subcommand("reload", "Make sockdogd read its configuration again (root)");
    auto* hold = app.add_subcommand("hold", "Stop all remedies until 'release' (root)");
    hold->add_option("reason", words.reason, "Shown by 'status'")->type_name("REASON");
    app.add_subcommand("release", "Let remedies act again (root)");
    auto* destroy = app.add_subcommand(
        "destroy", "Destroy an incident's sockets in CLOSE_WAIT: frees ports, not fds (root)");
    destroy->add_option("incident", words.destroy, "Incident as i7")->type_name("INCIDENT")->required();
    destroy->add_flag("--yes", options.yes, "Do not ask; needed where there is no terminal to ask at");
    destroy->add_flag("--dry-run", options.dry_run, "Only tell what would be destroyed");
    app.add_subcommand("doctor", "What this kernel offers and what is missing; needs no daemon (root)");
    auto* backtest =
        app.add_subcommand("backtest", "What a configuration would have done over the recorded samples");
    backtest->add_option("--config", options.config, "The configuration to try")->type_name("FILE");
    backtest->add_option("--since", words.since, "Only the last of them, as 7d")->type_name("DURATION");
    backtest
        ->add_option("--samples", options.samples, "Else samples.db in the state_dir of the configuration")
        ->type_name("FILE");
    app.add_subcommand("completion", "A script for the shell that completes these words")
        ->add_option("shell", words.shell, "bash, fish or zsh")
        ->type_name("SHELL")
        ->required();
    app.add_subcommand("version", "Version of this program");
    app.add_flag("--json", options.json, "JSON instead of text; field names are stable");
    app.add_flag("--no-color", options.no_color,
                 "No colours (also: NO_COLOR=1; never when output is no terminal)");
    app.add_option("--socket", options.socket, "Control socket of sockdogd (environment: SOCKDOG_SOCKET)")
        ->type_name("PATH")
        ->capture_default_str();
}

constexpr std::array<std::pair<std::string_view, Command>, 19> kCommands{
    {{"status", Command::kStatus},
     {"ps", Command::kPs},
     {"sockets", Command::kSockets},
     {"incidents", Command::kIncidents},
     {"explain", Command::kExplain},
     {"flamegraph", Command::kFlamegraph},
     {"trace", Command::kTrace},
     {"scan", Command::kScan},
     {"reload", Command::kReload},
     {"hold", Command::kHold},
     {"release", Command::kRelease},
     {"destroy", Command::kDestroy},
     {"doctor", Command::kDoctor},
     {"backtest", Command::kBacktest},
     {"run", Command::kRun},
     {"alerts", Command::kAlerts},
     {"silence", Command::kSilence},
     {"top", Command::kTop},
     {"version", Command::kVersion}}};

/// Words that nothing took: an unknown command, an unknown option, or one argument too many.
std::string unexpected(const CLI::App& app, const CLI::App* command, const std::string& word) {
    std::vector<std::string> candidates;
    if (word.starts_with("-")) {
        for (const CLI::App* where : {&app, command}) {
            if (where == nullptr) continue;
            for (const CLI::Option* option : where->get_options()) {
                for (const std::string& name : option->get_lnames()) candidates.push_back("--" + name);
            }
        }
        const std::string known = command == nullptr ? "" : " for '" + command->get_name() + "'";
        return hint("unknown option '" + printable(word) + "'" + known, word.substr(0, word.find('=')),
                    candidates);
    }
    if (command != nullptr) return "'" + command->get_name() + "' does not take '" + printable(word) + "'";
    for (const CLI::App* known : app.get_subcommands([](const CLI::App*) { return true; }))
        candidates.push_back(known->get_name());
    return hint("unknown command '" + printable(word) + "'", word, candidates);
}

Parsed usage_error(const std::string& message, const CLI::App* command) {
    Parsed parsed;
    parsed.exit_code = kExitUsage;
    const std::string help =
        command == nullptr ? "sockdog --help" : "sockdog " + command->get_name() + " --help";
    parsed.err = "sockdog: " + message + "\nTry '" + help + "'.\n";
    return parsed;
}

Parsed help_text(const CLI::App& app, const CLI::App* command) {
    Parsed parsed;
    parsed.out = command == nullptr ? full_help(app) : command_help(*command);
    return parsed;
}

/// Words that may stand for the arguments of a type, as help names it.
std::map<std::string, std::vector<std::string>> known_values() {
    std::map<std::string, std::vector<std::string>> values;
    for (const auto& [name, key] : kSortKeys) values["KEY"].emplace_back(name);
    for (std::size_t i = 1; i < kTcpStateCount; ++i)
        values["STATE"].emplace_back(to_string(static_cast<TcpState>(i)));
    for (const std::string_view shell : completion_shells()) values["SHELL"].emplace_back(shell);
    values["WHAT"].emplace_back("site");
    for (const RunClass one : kRunClasses) values["CLASS"].emplace_back(to_string(one));
    values["ACTION"] = alert_actions();
    return values;
}

Parsed completion_text(const CLI::App& app, const CLI::App* command, const std::string& shell) {
    auto script = completion_script(app, shell, known_values());
    if (script) return Parsed{std::nullopt, kExitOk, std::move(*script), {}};
    const auto shells = known_values()["SHELL"];
    return usage_error(
        hint("no completion for '" + printable(shell) + "'; there is one for bash, fish and zsh", shell,
             shells),
        command);
}

std::string_view needed_by(std::string_view command) {
    if (command == "completion") return "the name of a shell: bash, fish or zsh";
    if (command == "destroy") return "the incident, as i7; see 'sockdog incidents'";
    if (command == "flamegraph") return "a process id, as 'sockdog ps' shows it";
    return "a process id as 4242 or an incident as i7";
}

Parsed parse_with(CLI::App& app, const std::vector<std::string>& arguments, Options& options,
                  const Words& words) {
    const CLI::App* command = nullptr;
    const auto note_command = [&] {
        const auto subcommands = app.get_subcommands();
        command = subcommands.empty() ? nullptr : subcommands.front();
    };
    try {
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::CallForHelp&) {
        note_command();
        return help_text(app, command);
    } catch (const CLI::RequiredError&) {
        note_command();
        if (command == nullptr) return usage_error("which command?", nullptr);
        return usage_error(
            "'" + command->get_name() + "' needs " + std::string(needed_by(command->get_name())), command);
    } catch (const CLI::ParseError& error) {
        note_command();
        return usage_error(printable(error.what()), command);
    }
    note_command();
    const auto remaining = app.remaining(true);
    if (!remaining.empty()) return usage_error(unexpected(app, command, remaining.front()), command);
    if (command == nullptr && (options.json || options.no_color))
        return usage_error("which command?", nullptr);
    if (command == nullptr) return Parsed{std::nullopt, kExitOk, short_help(), {}};
    if (command->get_name() == "completion") return completion_text(app, command, words.shell);
    for (const auto& [name, value] : kCommands) {
        if (name == command->get_name()) options.command = value;
    }
    if (auto error = read_words(words, options)) return usage_error(*error, command);
    return Parsed{options, kExitOk, {}, {}};
}

}  // namespace

Parsed parse_arguments(const std::vector<std::string>& arguments, const Environment& environment) {
    if (arguments.size() == 1 && arguments.front() == "--version") {
        Options version;
        version.command = Command::kVersion;
        return Parsed{version, kExitOk, {}, {}};
    }
    // What the command of `run` is called and given is none of our words.
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    const bool runs = std::find(arguments.begin(), end, "run") != end;
    const std::vector<std::string> ours(arguments.begin(), runs ? end : arguments.end());
    Options options;
    Words words;
    if (runs && end != arguments.end()) options.run.command.assign(end + 1, arguments.end());
    if (!environment.socket.empty()) options.socket = environment.socket;
    if (!environment.relay_socket.empty()) options.relay_socket = environment.relay_socket;
    CLI::App app("Watchdog for leaked TCP connections", "sockdog");
    app.fallthrough();
    app.allow_extras();
    app.require_subcommand(0, 1);
    add_queries(app, options, words);
    add_relay(app, options, words.relay);
    add_run(app, options.run, words.run);
    add_others(app, options, words);
    return parse_with(app, ours, options, words);
}

}  // namespace sockdog
