#include "callsite/resolver.h"

#include <list>

#include "callsite/known_sites.h"
#include "callsite/native_names.h"
#include "callsite/origin.h"
#include "callsite/perf_map.h"
#include "callsite/process_memory.h"
#include "callsite/python_names.h"
#include "callsite/ruby_names.h"

namespace sockdog {
namespace {

constexpr std::size_t kMostBytesOfAStack = 8U << 20;  // 64 frames with a long line table each
constexpr std::size_t kMostProcesses = 16;            // whose files are kept open

std::string why_walk_failed(WalkEnd end) {
    switch (end) {
        case WalkEnd::kWhole:
        case WalkEnd::kCut:
            return "";
        case WalkEnd::kUnread:
            return "the interpreter's frames were not in memory";
        case WalkEnd::kNotItself:
            return "the interpreter is not built as its version usually is";
        case WalkEnd::kNone:
            return "a thread without frames of the interpreter";
    }
    return "";
}

}  // namespace

struct CallSiteResolver::Impl {
    struct Known {
        ProcessId process;
        std::unique_ptr<NativeNames> names;
    };

    ResolverOptions options;
    ProcRoot proc;
    NativeCache cache;
    std::list<Known> processes;  // last used first
    KnownSites sites;

    explicit Impl(ResolverOptions given)
        : options(std::move(given)), proc(options.proc), sites(options.max_call_sites) {}

    NativeNames& natives_of(ProcessId process) {
        for (auto at = processes.begin(); at != processes.end(); ++at) {
            if (at->process != process) continue;
            if (!at->names->is_current()) at->names = make_names(process);
            processes.splice(processes.begin(), processes, at);
            return *processes.front().names;
        }
        Known& known = processes.emplace_front();
        known.process = process;
        known.names = make_names(process);
        if (processes.size() > kMostProcesses) processes.pop_back();
        return *processes.front().names;
    }
    std::unique_ptr<NativeNames> make_names(ProcessId process) {
        return std::make_unique<NativeNames>(process, proc, options.debug_directory, cache);
    }

    void name_interpreted(const CallStack& stack, CallSite& site) {
        ProcessMemory memory(stack.process, kMostBytesOfAStack);
        const RubyVersion* ruby = stack.kind == RuntimeKind::kRuby ? find_ruby(stack.version) : nullptr;
        const PythonVersion* python =
            stack.kind == RuntimeKind::kPython ? find_python(stack.version) : nullptr;
        std::size_t unreadable = 0;
        for (const sockdog_frame& raw : stack.frames) {
            std::optional<CallFrame> frame;
            if (ruby && raw.code == 0) frame.emplace().function = "(method in C)";
            if (ruby && raw.code != 0) frame = name_ruby_frame(memory, *ruby, raw);
            if (python) frame = name_python_frame(memory, *python, raw);
            if (!frame) {
                unreadable++;
                continue;  // CPython has frames of its own at the bottom, without code
            }
            // Where CPython 3.12 enters the interpreter there is a frame that is nobody's.
            if (python && frame->function == "<interpreter trampoline>") continue;
            frame->origin = ruby ? origin_of_ruby(*frame) : origin_of_python(*frame);
            site.frames.push_back(std::move(*frame));
        }
        if (site.frames.empty() && unreadable > 0) site.unknown_because = "its frames could not be read";
    }

    void name_native(const CallStack& stack, CallSite& site) {
        NativeNames& names = natives_of(stack.process);
        std::vector<std::uint64_t> addresses = names.unwind(stack);
        if (addresses.size() < 2 && stack.native.size() > addresses.size()) addresses = stack.native;
        std::optional<PerfMap> compiled;
        for (std::size_t i = 0; i < addresses.size(); i++) {
            for (CallFrame& frame : names.name(addresses[i], i > 0)) {
                if (frame.module.empty()) {
                    if (!compiled) compiled = read_perf_map(proc, stack.process);
                    frame.function = compiled->find(addresses[i]);
                }
                frame.origin = origin_of_native(frame, names.executable());
                site.frames.push_back(std::move(frame));
            }
        }
        site.unknown_because = unknown_in_all_of(names.executable());
        if (site.unknown_because.empty()) return;
        for (CallFrame& frame : site.frames)
            if (frame.origin == FrameOrigin::kApplication) frame.origin = FrameOrigin::kRuntime;
    }

    CallSite make(const CallStack& stack) {
        CallSite site;
        site.id = stack.id;
        site.process = stack.process;
        site.kind = stack.kind;
        site.accepted = stack.accepted;
        if (!proc.is_alive(stack.process)) {
            for (const std::uint64_t address : stack.native) site.frames.emplace_back().address = address;
            site.unknown_because = "the process had ended before its frames were read";
            return site;
        }
        if (!stack.frames.empty()) name_interpreted(stack, site);
        if (site.frames.empty()) name_native(stack, site);
        // Its memory may have been that of another by then.
        if (!proc.is_alive(stack.process)) {
            site.frames.clear();
            site.unknown_because = "the process ended while its frames were read";
            return site;
        }
        conclude(stack, site);
        return site;
    }

    static void conclude(const CallStack& stack, CallSite& site) {
        site.application = find_application_frame(site.frames);
        if (site.application) {
            const CallFrame& frame = *site.application_frame();
            site.unknown_because = frame.line > 0 ? "" : "no line numbers: " + to_string(frame);
            return;
        }
        if (!site.unknown_because.empty()) return;
        if (stack.kind == RuntimeKind::kRuby || stack.kind == RuntimeKind::kPython)
            site.unknown_because = why_walk_failed(stack.walk_end);
        if (site.unknown_because.empty()) site.unknown_because = unknown_in(site.frames);
        if (site.unknown_because.empty())
            site.unknown_because =
                site.frames.empty() ? "no frames" : "no frame is of the application itself";
    }
};

CallSiteResolver::CallSiteResolver(ResolverOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
CallSiteResolver::~CallSiteResolver() = default;

const CallSite& CallSiteResolver::resolve(const CallStack& stack) {
    return impl_->sites.remember(impl_->make(stack));
}

const CallSite* CallSiteResolver::find(std::uint64_t id) const {
    return impl_->sites.find(id);
}

void CallSiteResolver::process_ended(ProcessId process) {
    impl_->processes.remove_if([&](const Impl::Known& known) { return known.process == process; });
}

}  // namespace sockdog
