// bench_attach empty|storage|books|call_sites PID: attaches, says "ready", and stays until its input ends;
// then says what was lost.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/proc_root.h"
#include "bpf/sockdog.h"
#include "callsite/detect.h"
#include "callsite/resolver.h"
#include "probe/books.h"
#include "probe/call_tracer.h"
#include "probe_bpf/empty.skel.h"
#include "probe_bpf/storage.skel.h"

namespace {

int stay(const std::function<void()>& farewell) {
    std::puts("ready");
    std::fflush(stdout);
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    farewell();
    return 0;
}

int refuse(const char* what, const char* why) {
    std::fprintf(stderr, "bench_attach: %s: %s\n", what, why);
    return 1;
}

int stay_with_books() {
    auto books = sockdog::Books::open({});
    if (!books) return refuse("books", books.error().message.c_str());
    return stay([&] {
        const sockdog::LossCounters losses = (*books)->losses();
        std::printf("{\"lost\": %llu, \"skipped\": %llu}\n", static_cast<unsigned long long>(losses.lost()),
                    static_cast<unsigned long long>(losses.recursion_missed));
    });
}

int stay_with_call_sites(std::uint32_t pid) {
    const sockdog::ProcRoot proc;
    const auto process = proc.identify(pid);
    if (!process) return refuse("pid", process.error().message.c_str());
    auto books = sockdog::Books::open({});
    if (!books) return refuse("books", books.error().message.c_str());
    auto tracer = sockdog::CallTracer::open(**books, {});
    if (!tracer) return refuse("call sites", tracer.error().message.c_str());
    const auto milliseconds = [](auto work) {
        const auto start = std::chrono::steady_clock::now();
        work();
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    };
    sockdog::Detection detection;
    const double detecting = milliseconds([&] { detection = sockdog::detect_runtime(*process, proc); });
    if (const auto watched = (*tracer)->watch(*process, detection.layout); !watched)
        return refuse("watch", watched.error().message.c_str());
    return stay([&] {
        std::vector<sockdog::CallStack> stacks;
        (*tracer)->drain([&](sockdog::CallStack stack) { stacks.push_back(std::move(stack)); },
                         [](const sockdog::FollowEvent&) {});
        sockdog::CallSiteResolver resolver;
        double first = 0;
        double again = 0;
        std::string line;
        if (!stacks.empty()) {
            first = milliseconds([&] { resolver.resolve(stacks[0]); });
            again = milliseconds([&] { resolver.resolve(stacks[0]); });
            const sockdog::CallFrame* frame = resolver.find(stacks[0].id)->application_frame();
            if (frame) line = sockdog::to_string(*frame);
        }
        std::printf(
            "{\"call_sites\": %zu, \"captured\": %llu, \"detect_ms\": %.3f, \"first_ms\": %.3f, "
            "\"again_ms\": %.3f, "
            "\"line\": \"%s\"}\n",
            stacks.size(), static_cast<unsigned long long>((*tracer)->losses().captured), detecting, first,
            again, line.c_str());
    });
}

template <auto OpenAndLoad, auto Attach, auto Destroy>
int stay_with_skeleton(const char* name) {
    auto* skeleton = OpenAndLoad();
    if (skeleton == nullptr || Attach(skeleton) != 0) return refuse(name, std::strerror(errno));
    return stay([&] { Destroy(skeleton); });
}

}  // namespace

int main(int count, char** words) {
    const char* what = count >= 2 ? words[1] : "";
    if (count == 3 && std::strcmp(what, "call_sites") == 0)
        return stay_with_call_sites(static_cast<std::uint32_t>(std::strtoul(words[2], nullptr, 10)));
    if (std::strcmp(what, "books") == 0) return stay_with_books();
    if (std::strcmp(what, "empty") == 0)
        return stay_with_skeleton<empty_bpf__open_and_load, empty_bpf__attach, empty_bpf__destroy>(what);
    if (std::strcmp(what, "storage") == 0)
        return stay_with_skeleton<storage_bpf__open_and_load, storage_bpf__attach, storage_bpf__destroy>(
            what);
    return refuse("usage", "bench_attach empty|storage|books|call_sites PID");
}
