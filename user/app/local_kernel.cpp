#include "app/local_kernel.h"

#include <algorithm>
#include <iterator>

#include "app/daemon_arguments.h"
#include "config/config.h"
#include "probe/call_tracer.h"
#include "probe/kept_books.h"

namespace sockdog {

Result<std::vector<Capability>> ProbeKernel::capabilities() {
    auto capabilities = probe_capabilities();
    std::ranges::move(probe_call_site_capabilities(), std::back_inserter(capabilities));
    return capabilities;
}

BooksPlace ProbeKernel::books_place() {
    const auto config = load_config(DaemonArguments().config);
    const BooksSettings books = config ? config->books : BooksSettings();
    BooksPlace place;
    place.pinned = books.pinned;
    place.directory = books.pin_directory.string();
    const auto possible = can_keep_books(books.pin_directory);
    place.in_use = !possible && possible.error().code == EWOULDBLOCK;
    if (!possible && !place.in_use) place.problem = possible.error().message;
    return place;
}

Result<ScanResult> ProbeKernel::scan() {
    auto books = Books::open(BooksOptions{.max_sockets = 1U << 20, .follow = false});
    if (!books) return books.error();
    ScanResult result;
    for (const GaugeSample& sample : (*books)->gauges()) {
        ProcessView view;
        if (sample.process.known()) view.owner = resolver_.refresh(sample.process);
        if (view.owner.comm.empty()) view.owner.comm = sample.comm;
        view.gauges = sample.gauges;
        if (sample.process.known() || sample.gauges.total() > 0) result.processes.push_back(std::move(view));
    }
    auto sockets = (*books)->walk({});
    if (!sockets) return sockets.error();
    for (SocketRecord& socket : *sockets) {
        SocketView view;
        if (socket.owner.known()) {
            const Owner& owner = resolver_.resolve(socket.owner);
            view.owner_name = owner.display_name();
            view.comm = owner.comm;
        }
        view.socket = std::move(socket);
        result.sockets.push_back(std::move(view));
    }
    return result;
}

Result<RunReport> ProbeKernel::run(const RunPlan& plan) {
    return run_watched(plan);
}

Result<DestroyPlan> ProbeKernel::plan_destroy(const Incident& incident) {
    return sockdog::plan_destroy(ProcRoot(), incident);
}

Result<DestroyResult> ProbeKernel::destroy(const Incident& incident, const DestroyPlan& plan) {
    return destroy_planned(ProcRoot(), incident, plan);
}

}  // namespace sockdog
