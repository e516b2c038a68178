// `sockdog backtest`: reads two files and needs neither daemon nor kernel.

#include <ostream>

#include "cli/backtest.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "config/config.h"

namespace sockdog {
namespace {

/// What is wrong is in the files that were named: no daemon is asked.
int fail_with(const Surroundings& io, const Error& error) {
    if (error.code == EACCES || error.code == EPERM) {
        fail(io, Error{error.code,
                       error.message + "; the samples are root's: try sudo, or a copy that you may read"});
        return kExitNoPermission;
    }
    fail(io, error);
    return kExitProblem;
}

}  // namespace

int backtest(const Options& options, const Surroundings& io) {
    auto config = load_config(options.config);
    if (!config) return fail_with(io, config.error());
    const std::filesystem::path file =
        options.samples.empty() ? config->state_dir / "samples.db" : std::filesystem::path(options.samples);
    auto samples = SampleReader::open(file);
    if (!samples) return fail_with(io, samples.error().within("the samples"));
    std::optional<WallTime> since;
    if (options.since)
        since = read_now().wall - std::chrono::duration_cast<WallTime::duration>(*options.since);
    const auto result = backtest(std::move(*config), *samples, since);
    if (!result) return fail_with(io, result.error().within(file.string()));
    io.out << (options.json ? pretty(backtest_json(*result)) : render_backtest(*result, io.style));
    return kExitOk;
}

}  // namespace sockdog
