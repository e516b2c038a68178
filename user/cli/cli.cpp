#include "cli/cli.h"

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include <unistd.h>

#include "cli/check.h"
#include "cli/commands.h"

namespace sockdog {
namespace {

/// Monitoring systems take any other exit code than 3 for a verdict about sockdog.
int unparsed(const Parsed& parsed, const std::vector<std::string>& arguments) {
    const bool check = std::find(arguments.begin(), arguments.end(), "--check") != arguments.end();
    std::cout << parsed.out;
    std::cerr << parsed.err;
    return check && parsed.exit_code != kExitOk ? static_cast<int>(CheckState::kUnknown) : parsed.exit_code;
}

int run(const std::vector<std::string>& arguments, LocalKernel* kernel) {
    const Environment environment = read_environment();
    const Parsed parsed = parse_arguments(arguments, environment);
    if (!parsed.options) return unparsed(parsed, arguments);
    const Style style = style_for(STDOUT_FILENO, environment, parsed.options->no_color);
    Surroundings io{std::cout, std::cerr, style, kernel, ProcRoot{}};
    if (::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0) io.terminal = &std::cin;
    const int code = run_command(*parsed.options, io);
    std::cout.flush();
    if (std::cout) return code;
    std::cerr << "sockdog: cannot write to standard output\n";
    return parsed.options->check ? static_cast<int>(CheckState::kUnknown) : kExitSoftware;
}

}  // namespace

int run_cli(int argc, char** argv, LocalKernel* kernel) {
    try {
        return run(std::vector<std::string>(argv + std::min(argc, 1), argv + argc), kernel);
    } catch (const std::exception& e) {  // out of memory, and what a library may throw
        std::cerr << "sockdog: " << e.what() << "\n";
        return kExitSoftware;
    }
}

}  // namespace sockdog
