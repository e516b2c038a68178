// `sockdog run`: the plan from the options, the report to where it is wanted, and the exit code.

#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "run/junit.h"
#include "run/report.h"
#include "run/sarif.h"

namespace sockdog {
namespace {

Result<RunPlan> plan_of(const RunOptions& options) {
    RunPlan plan;
    plan.command = options.command;
    plan.allowed = options.max;
    plan.classes = options.classes;
    plan.warm_up = options.warm_up;
    if (!options.no_call_sites) plan.names_program = options.helper_dir + "/sockdog-names";
    plan.count_late = options.count_late;
    plan.user = options.user;
    if (options.ignore.empty()) return plan;
    auto baseline = load_ignores(options.ignore);
    if (!baseline) return baseline.error();
    plan.baseline = std::move(*baseline);
    return plan;
}

Status write_file(const std::string& file, const std::string& text) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) return make_error(file + ": the report cannot be written");
    return Ok{};
}

Status write_files(const RunOptions& options, const RunReport& report) {
    if (!options.junit.empty()) {
        if (auto written = write_file(options.junit, junit_xml(report)); !written) return written;
    }
    if (options.sarif.empty()) return Ok{};
    return write_file(options.sarif, pretty(sarif_json(report)));
}

}  // namespace

int run_command_watched(const Options& options, const Surroundings& io) {
    if (io.kernel == nullptr)
        return fail(io, make_error("this build of sockdog cannot look at the kernel itself"));
    auto plan = plan_of(options.run);
    if (!plan) {
        fail(io, plan.error());
        return kExitUsage;
    }
    const auto report = io.kernel->run(*plan);
    if (!report) return fail(io, report.error());
    const auto written = write_files(options.run, *report);
    if (options.json) io.out << pretty(report_json(*report));
    // On stderr: what the command printed stays as it is.
    Style style = io.style;
    style.color = style.color && ::isatty(STDERR_FILENO) != 0;
    if (!options.json) io.err << render_run(*report, options.run.full_stacks, style);
    if (written) return report->exit_code();
    const int code = fail(io, written.error());
    return report->exit_code() != 0 ? report->exit_code() : code;
}

}  // namespace sockdog
