#include "cli/help.h"

#include <array>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>

namespace sockdog {
namespace {

constexpr std::size_t kHelpColumn = 26;

/// What `--help` of a command says below its options.
constexpr std::array<std::pair<std::string_view, std::string_view>, 20> kMore{{
    {"status",
     "With --check: prints 'SOCKDOG OK - ... | perfdata' and exits 0 OK, 1 WARNING (an open incident, "
     "losses\n"
     "that grow, books almost full, remedies on hold, a broken configuration), 2 CRITICAL (a critical\n"
     "incident), 3 UNKNOWN (no answer).\n\n"
     "Examples:\n"
     "  sockdog status\n"
     "  sockdog status --check          # in a check_command\n"},
    {"ps",
     "Sort keys: close_wait (default, then total), total, established, listen, fin_wait2, dead, opened,\n"
     "failed, pid, name. DEAD counts sockets in state CLOSE whose fd is still open; FAILED counts failed\n"
     "connects. OPENED, ACCEPTED, CLOSED and FAILED count since the books were opened.\n\n"
     "Examples:\n"
     "  sockdog ps\n"
     "  sockdog ps --sort established\n"
     "  sockdog --json ps | jq '.processes[] | select(.gauges.sockets.CLOSE_WAIT > 0)'\n"},
    {"sockets",
     "Examples:\n"
     "  sockdog sockets 4242\n"
     "  sockdog sockets health_monitor.service --state CLOSE_WAIT\n"
     "  sockdog sockets 4242 --by site\n"},
    {"incidents",
     "Examples:\n"
     "  sockdog incidents\n"
     "  sockdog incidents --all\n"},
    {"explain",
     "Who leaks, what, since when, how fast, to whom, when it ends badly, what would fix it, and what "
     "sockdog\n"
     "did about it.\n\n"
     "Examples:\n"
     "  sockdog explain i7\n"
     "  sockdog explain 4242 --stacks\n"},
    {"flamegraph",
     "Of the sockets that are open now and were opened while the process was under suspicion (or always,\n"
     "with 'call_sites: always' in its policy).\n\n"
     "Examples:\n"
     "  sockdog flamegraph 4242 > connections.svg\n"
     "  sockdog flamegraph 4242 --folded | flamegraph.pl > connections.svg\n"},
    {"trace",
     "With --json: one object a line. Ctrl-C ends it with exit code 0.\n\n"
     "Examples:\n"
     "  sockdog trace 4242\n"
     "  sockdog trace --json | jq -c 'select(.to == \"CLOSE_WAIT\")'\n"},
    {"scan",
     "A first look cannot know how long a socket has been in its state; --watch looks twice and tells what\n"
     "stayed and what grew. Exits 1 when a suspicious process was found, else 0.\n\n"
     "Examples:\n"
     "  sudo sockdog scan\n"
     "  sudo sockdog scan --watch 60s\n"},
    {"run",
     "A connection is leaked when the command, or a process that came of it, still has it open at its end:\n"
     "  close_wait  the peer closed first, the program never did\n"
     "  open        made by the program and left ESTABLISHED\n"
     "  dead_fd     reset or timed out, the file descriptor still open\n"
     "The report goes to stderr, with --json to stdout after the command's own output.\n"
     "Exits with the command's code where that is not 0, with 86 when it leaked more than --max, else 0;\n"
     "127 and 126: there is no such command, it cannot be run.\n\n"
     "Examples:\n"
     "  sudo sockdog run -- pytest -x\n"
     "  sudo sockdog run --user $USER --junit leaks.xml --ignore known.yaml -- make check\n"},
    {"reload",
     "A broken file changes nothing: the errors are printed, the exit code is 1, the old settings stay.\n"},
    {"hold", "Example:\n  sudo sockdog hold database migration until 18:00\n"},
    {"release", "Also lets remedies be tried again where sockdog had given up.\n"},
    {"destroy",
     "A stop-gap, no cure: the local ports are free at once, the file descriptors stay open until the\n"
     "program closes them, so EMFILE still comes. What helps is a restart, or the line of code.\n"
     "Takes only sockets of the incident's process and endpoint in CLOSE_WAIT whose end was never read;\n"
     "never ESTABLISHED ones. sockdogd keeps in its journal that it was done, and by whom.\n\n"
     "Examples:\n"
     "  sockdog destroy i7 --dry-run\n"
     "  sudo sockdog destroy i7\n"
     "  sudo sockdog destroy i7 --yes   # in a script\n"},
    {"top",
     "Keys: q quits, c t e d n sort by CLOSE_WAIT, total, ESTABLISHED, dead or name, a shows processes "
     "without\n"
     "sockets, too, space stops and goes on, the arrows and Page keys select a process. TREND is the number "
     "of\n"
     "sockets over the last looks, from the least to the most of each process.\n"},
    {"alerts",
     "  list     receivers and what they were told, and what waits or is held back\n"
     "  dead     what was given up\n"
     "  test     send RECEIVER an opening and its end, both marked as a test, and tell its answer (root);\n"
     "           exits 1 where it does not take them\n"
     "  retry    try dead letters again: that of number N, else all (root)\n"
     "  discard  remove them for good, likewise (root)\n\n"
     "Examples:\n"
     "  sockdog alerts\n"
     "  sudo sockdog alerts test oncall\n"},
    {"silence",
     "Without options: what is silenced. Patterns are the shell's (* ? []); both must match where both are\n"
     "given. An incident that is over before the silence is, nobody is told of; one that is still open then\n"
     "is told. What was told already is told to be over, silence or not.\n\n"
     "Examples:\n"
     "  sudo sockdog silence --unit 'batch@*.service' --for 2h --comment 'nightly import'\n"
     "  sudo sockdog silence --end 3\n"},
    {"doctor", "Exits 0 when everything sockdogd requires is there, 1 otherwise.\n"},
    {"backtest",
     "Replays what sockdogd recorded (samples.db in its state_dir) under FILE, and tells which incidents "
     "would\n"
     "have opened and which remedies would have fired. Nothing is touched. Needs no daemon, and does not\n"
     "disturb one; a copied file will do. Exits 1 where there are no samples or FILE has a mistake.\n\n"
     "Examples:\n"
     "  sudo sockdog backtest --config new.yaml\n"
     "  sockdog backtest --config new.yaml --samples copy-of-samples.db --since 7d\n"},
    {"completion",
     "The package of a distribution has installed them already. Else, for this shell:\n"
     "  source <(sockdog completion bash)\n"
     "  sockdog completion fish | source\n"
     "  source <(sockdog completion zsh)\n"},
    {"version", ""},
}};

constexpr std::string_view kExamples =
    "Examples:\n"
    "  sockdog incidents               # what leaks now\n"
    "  sockdog explain i7              # the whole story of one leak\n"
    "  sockdog ps                      # who holds how many sockets\n"
    "  sudo sockdog scan --watch 60s   # on a host without sockdogd\n"
    "  sudo sockdog run -- pytest      # does it leave connections open\n"
    "\n"
    "Exit codes:\n"
    "   0  done\n"
    "   1  what was asked about has a problem (status --check: 1 WARNING, 2 CRITICAL, 3 UNKNOWN)\n"
    "  64  wrong usage\n"
    "  69  sockdogd does not answer\n"
    "  70  anything else\n"
    "  77  not permitted\n"
    "  86  run: the command leaked connections; else its own code\n";

void add_line(std::string& out, std::string left, const std::string& right) {
    left = "  " + left;
    if (left.size() + 2 > kHelpColumn) {
        out += left + "\n" + std::string(kHelpColumn, ' ');
    } else {
        out += left + std::string(kHelpColumn - left.size(), ' ');
    }
    out += right + "\n";
}

void add_options(std::string& out, const CLI::App& app) {
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_positional()) continue;
        std::string left = option->get_name();
        if (left == "--help") {
            add_line(out, "-h, --help", "This text");
            continue;
        }
        if (option->get_items_expected_max() > 0 && !option->get_type_name().empty())
            left += " " + option->get_type_name();
        add_line(out, left, option->get_description());
    }
}

std::string positionals(const CLI::App& command) {
    std::string out;
    for (const CLI::Option* option : command.get_options()) {
        if (!option->get_positional()) continue;
        const std::string name = option->get_type_name();
        const bool always = option->get_required() || name.starts_with("-- ");
        out += always ? " " + name : " [" + name + "]";
    }
    return out;
}

}  // namespace

std::string short_help() {
    return "sockdog: watchdog for leaked TCP connections\n"
           "\n"
           "  sockdog status        is sockdogd running, and is all well\n"
           "  sockdog incidents     what leaks now\n"
           "  sockdog explain i7    the whole story of incident i7 (or of a process id)\n"
           "  sockdog ps            processes and their sockets by state\n"
           "  sockdog sockets PID   its sockets one by one\n"
           "  sockdog scan          look for leaks without a daemon\n"
           "\n"
           "'sockdog --help' tells everything.\n";
}

std::string full_help(const CLI::App& app) {
    std::string out =
        "sockdog: watchdog for leaked TCP connections\n\nUsage: sockdog [OPTIONS] COMMAND "
        "[ARGUMENTS]\n\nCommands:\n";
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        add_line(out, command->get_name() + positionals(*command), command->get_description());
    }
    out += "\nOptions, before or after the command:\n";
    add_options(out, app);
    out += "\n" + std::string(kExamples) + "\n'sockdog COMMAND --help' tells more about one command.\n";
    return out;
}

std::string command_help(const CLI::App& command) {
    std::string out = command.get_description() + "\n\nUsage: sockdog " + command.get_name() + " [OPTIONS]" +
                      positionals(command) + "\n";
    out += "\nOptions:\n";
    for (const CLI::Option* option : command.get_options()) {
        if (option->get_positional()) add_line(out, option->get_type_name(), option->get_description());
    }
    add_options(out, command);
    add_line(out, "--json --socket --no-color", "See 'sockdog --help'");
    for (const auto& [name, more] : kMore) {
        if (name == command.get_name() && !more.empty()) out += "\n" + std::string(more);
    }
    return out;
}

}  // namespace sockdog
