#include "callsite/detect.h"

#include <elf.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "callsite/detect_interpreter.h"
#include "callsite/go_lines.h"
#include "callsite/origin.h"
#include "callsite/perf_map.h"
#include "callsite/process_memory.h"

namespace sockdog {
namespace {

constexpr std::size_t kMostMemoryBytes = 1U << 20;
constexpr int kMostFilesLookedAt = 8;
constexpr std::uint64_t kUsualSpecific = 1296;  // of glibc on x86-64 since 2.2, where no symbol says it

bool may_be_interpreter(std::string_view name) {
    return name.starts_with("libruby") || name.starts_with("ruby") || name.starts_with("libpython") ||
           name.starts_with("python");
}

bool is_c_library(std::string_view name) {
    return name.starts_with("libc.so") || name.starts_with("libc-") || name.starts_with("libpthread");
}

bool is_of_the_system(std::string_view path) {
    return path.starts_with("/usr/lib") || path.starts_with("/lib") || path.starts_with("/nix/store");
}

class Detector {
  public:
    Detector(ProcessId process, const ProcRoot& proc)
        : id_(process), proc_(proc), memory_(process, kMostMemoryBytes) {}

    Detection run() {
        const auto maps = proc_.read(id_.pid, "maps");
        if (!maps) return native("native code");
        mappings_ = parse_mappings(*maps);
        executable_ = proc_.executable(id_.pid).value_or("");
        if (auto interpreter = find_interpreter()) return as_native_if_unknown(std::move(*interpreter));
        return find_other();
    }

  private:
    Detection native(std::string what, std::string unknown_because = "") {
        Detection detection;
        detection.layout.kind = SOCKDOG_RUNTIME_NATIVE;
        detection.layout.flags = SOCKDOG_RUNTIME_COPY_STACK;
        detection.what = std::move(what);
        detection.unknown_because = std::move(unknown_because);
        add_code(detection.layout);
        return detection;
    }

    /// The program's own code first, then of libraries that are not the system's.
    void add_code(RuntimeLayout& layout) {
        std::size_t used = 0;
        for (const bool own : {true, false})
            for (const Mapping& mapping : mappings_) {
                if (used == std::size(layout.code)) return;
                if (!mapping.executable || !mapping.is_file()) continue;
                if ((mapping.path == executable_) != own || (!own && is_of_the_system(mapping.path)))
                    continue;
                layout.code[used++] = {mapping.start, mapping.end};
            }
    }

    Detection as_native_if_unknown(Detection detection) {
        add_code(detection.layout);
        return detection;
    }

    template <typename Wanted, typename Visit>
    void visit_files(Wanted wanted, Visit visit) {
        int looked_at = 0;
        std::string last;
        for (const Mapping& mapping : mappings_) {
            if (!mapping.executable || !mapping.is_file() || mapping.path == last) continue;
            if (!wanted(base_name(mapping.path))) continue;
            last = mapping.path;
            if (looked_at++ == kMostFilesLookedAt) return;
            const auto file = open_loaded_file(proc_, id_, mapping, mapping.path == executable_);
            if (file && visit(*file)) return;
        }
    }

    DetectedProcess describe() {
        DetectedProcess process{.memory = memory_};
        visit_files(is_c_library, [&](const LoadedFile& file) {
            const bool is_arm = file.elf->machine() == EM_AARCH64;
            constexpr std::array<std::string_view, 2> kSymbols{"_thread_db_pthread_specific",
                                                               "_thread_db_sizeof_pthread"};
            const auto symbols = file.elf->find(kSymbols);
            const auto word = [&](const std::optional<ElfSymbol>& symbol, std::uint64_t skip) {
                const auto at = symbol ? file.elf->offset_of(symbol->value + skip) : std::nullopt;
                return at ? file.bytes->get<std::uint32_t>(*at).value_or(0) : 0;
            };
            process.pthread_specific = word(symbols[0], 8);  // bits of one, number of them, offset
            if (is_arm) process.pthread_bytes = word(symbols[1], 0);
            if (process.pthread_specific == 0 && !is_arm) process.pthread_specific = kUsualSpecific;
            return symbols[0].has_value();
        });
        return process;
    }

    std::optional<Detection> find_interpreter() {
        std::optional<Detection> found;
        std::optional<DetectedProcess> process;
        // Some programs have an interpreter built in, whatever they are called.
        const auto is_candidate = [&](std::string_view name) {
            return may_be_interpreter(name) || name == base_name(executable_);
        };
        visit_files(is_candidate, [&](const LoadedFile& file) {
            if (!process) process.emplace(describe());
            found = detect_ruby(file, *process);
            if (!found) found = detect_python(file, *process);
            return found.has_value();
        });
        return found;
    }

    bool has_loaded(std::string_view name) {
        return std::ranges::any_of(mappings_,
                                   [&](const Mapping& mapping) { return base_name(mapping.path) == name; });
    }

    Detection find_other() {
        if (const std::string_view why = unknown_in_all_of(executable_); !why.empty())
            return native("Node.js", std::string(why));
        if (has_loaded("libjvm.so")) {
            Detection java = native("Java");
            java.layout.flags = 0;  // compiled code has no unwind tables, and frame pointers if asked for
            if (!open_perf_map(proc_, id_))
                java.unknown_because =
                    "java: needs -XX:+PreserveFramePointer and a perf map "
                    "(-XX:+DumpPerfMapAtExit, or jcmd PID Compiler.perfmap)";
            return java;
        }
        if (is_go()) {
            Detection go = native("Go");
            go.layout.flags = 0;  // keeps frame pointers
            return go;
        }
        return native("native code");
    }

    bool is_go() {
        bool go = false;
        visit_files([&](std::string_view name) { return name == base_name(executable_); },
                    [&](const LoadedFile& file) {
                        go = file.is_executable && has_go_lines(*file.elf);
                        return true;
                    });
        return go;
    }

    ProcessId id_;
    const ProcRoot& proc_;
    ProcessMemory memory_;
    std::vector<Mapping> mappings_;
    std::string executable_;
};

}  // namespace

Detection detect_runtime(ProcessId process, const ProcRoot& proc) {
    Detection detection = Detector(process, proc).run();
    detection.layout.start_ticks = process.start_ticks;
    return detection;
}

}  // namespace sockdog
