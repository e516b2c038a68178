// The commands that look at the kernel themselves and need no daemon.

#include <time.h>

#include <ostream>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/scan.h"

namespace sockdog {
namespace {

const Error kNoKernel{0, "this build of sockdog cannot look at the kernel itself"};

Result<ScanReport> look_twice(const Options& options, const Surroundings& io, ScanResult& look) {
    auto first = io.kernel->scan();
    if (!first) return first.error().within("look at the sockets");
    const MonoTime deadline = read_now().mono + options.watch;
    if (options.watch > Duration::zero()) {
        if (!options.json)
            io.err << "Looking again in " << format_duration(options.watch) << " ...\n" << std::flush;
        timespec until{};
        until.tv_sec = static_cast<time_t>(deadline.time_since_epoch() / 1s);
        until.tv_nsec = static_cast<long>((deadline.time_since_epoch() % 1s).count());
        while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
        }
    } else {
        look = std::move(*first);
        return judge_scan(look, nullptr, Duration::zero(), read_now());
    }
    auto second = io.kernel->scan();
    if (!second) return second.error().within("look at the sockets again");
    look = std::move(*second);
    return judge_scan(look, &*first, options.watch, read_now());
}

}  // namespace

int scan(const Options& options, const Surroundings& io) {
    if (io.kernel == nullptr) return fail(io, kNoKernel);
    ScanResult look;
    const auto report = look_twice(options, io, look);
    if (!report) return fail(io, report.error());
    io.out << (options.json ? pretty(scan_json(*report, look)) : render_scan(*report, look, io.style));
    return report->suspicious() ? kExitProblem : kExitOk;
}

int doctor(const Options& options, const Surroundings& io) {
    if (io.kernel == nullptr) return fail(io, kNoKernel);
    DoctorReport report;
    report.host = read_host_facts(io.proc);
    report.books = io.kernel->books_place();
    auto capabilities = io.kernel->capabilities();
    if (capabilities) {
        report.capabilities = std::move(*capabilities);
    } else {
        report.failure = capabilities.error().message;
    }
    io.out << (options.json ? pretty(doctor_json(report)) : render_doctor(report, io.style));
    if (!capabilities) return fail(io, capabilities.error().within("try what the kernel offers"));
    return report.healthy() ? kExitOk : kExitProblem;
}

}  // namespace sockdog
