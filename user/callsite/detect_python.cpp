#include <array>

#include "callsite/detect_interpreter.h"
#include "callsite/versions.h"

namespace sockdog {
namespace {

constexpr std::array<std::string_view, 2> kPythonSymbols{"_PyRuntime", "Py_Version"};

/// "3.12.1" of 0x030c01f0.
std::string text_of(std::uint64_t version) {
    return std::to_string(version >> 24 & 0xff) + "." + std::to_string(version >> 16 & 0xff) + "." +
           std::to_string(version >> 8 & 0xff);
}

/// Since 3.13 _PyRuntime begins with the offsets of its own build. Those that are relied on, and where they
/// are.
struct Published {
    std::uint32_t at;
    std::uint64_t expected;
};

bool is_of_known_build(ByteSource& memory, const PythonVersion& python, std::uint64_t runtime) {
    constexpr std::uint64_t kFreeThreaded = 16;
    const std::array<Published, 8> published{{{kFreeThreaded, 0},
                                              {40, python.interpreters},
                                              {72, python.threads},
                                              {184, python.walk.current},
                                              {192, python.walk.thread_id},
                                              {232, python.walk.frame_previous},
                                              {240, python.walk.frame_code},
                                              {248, python.walk.frame_instruction}}};
    const auto cookie = memory.get_text(runtime, 8, 8);
    if (!cookie || *cookie != "xdebugpy") return false;
    for (const Published& one : published)
        if (memory.get<std::uint64_t>(runtime + one.at) != one.expected) return false;
    return true;
}

enum class Check { kPassed, kFailed, kTooEarly };

/// The list of threads leads to a thread state; that thread's own data has to lead to the same one.
Check check_thread_key(const DetectedProcess& process, const PythonVersion& python, std::uint64_t runtime) {
    ByteSource& memory = process.memory;
    const auto is_made = memory.get<std::int32_t>(runtime + python.thread_key);
    const auto key = memory.get<std::uint32_t>(runtime + python.thread_key + 4);
    const auto interpreter = memory.get<std::uint64_t>(runtime + python.interpreters);
    if (!is_made || !key || !interpreter) return Check::kFailed;
    if (*is_made == 0 || *interpreter == 0) return Check::kTooEarly;
    if (*is_made != 1 || *key >= 1024) return Check::kFailed;
    const auto thread = memory.get<std::uint64_t>(*interpreter + python.threads);
    if (!thread) return Check::kFailed;
    if (*thread == 0) return Check::kTooEarly;
    const auto self = memory.get<std::uint64_t>(*thread + python.walk.thread_id);
    if (!self) return Check::kFailed;
    if (*self == 0) return Check::kTooEarly;
    const auto block = memory.get<std::uint64_t>(*self + process.pthread_specific + 8ULL * (*key >> 5));
    if (!block) return Check::kFailed;
    if (*block == 0) return Check::kTooEarly;  // a thread that is being born
    const auto value = memory.get<std::uint64_t>(*block + 16ULL * (*key & 31) + 8);
    return value == *thread || value == std::uint64_t{0} ? Check::kPassed : Check::kFailed;
}

}  // namespace

std::optional<Detection> detect_python(const LoadedFile& file, const DetectedProcess& process) {
    const auto symbols = file.elf->find(kPythonSymbols);
    if (!symbols[0]) return std::nullopt;
    Detection detection;
    detection.layout.kind = SOCKDOG_RUNTIME_NATIVE;
    detection.what = "CPython";
    const auto at = symbols[1] ? file.elf->offset_of(symbols[1]->value) : std::nullopt;
    const auto number = at ? file.bytes->get<std::uint64_t>(*at) : std::nullopt;
    if (number) detection.what += " " + text_of(*number);
    const PythonVersion* python = number ? find_python(static_cast<std::uint32_t>(*number >> 16)) : nullptr;
    if (!python) {
        detection.unknown_because = detection.what + ": the frames of 3.11, 3.12 and 3.13 are known";
        return detection;
    }
    const std::uint64_t runtime = file.bias + symbols[0]->value;
    const bool publishes = python->version >= version_of(3, 13);
    if (publishes && !is_of_known_build(process.memory, *python, runtime)) {
        detection.unknown_because = detection.what + ": a build with structures of its own";
        return detection;
    }
    if (process.pthread_specific == 0 || check_thread_key(process, *python, runtime) == Check::kFailed) {
        detection.unknown_because = detection.what + ": its threads' data is not where glibc would have it";
        return detection;
    }
    detection.layout.kind = SOCKDOG_RUNTIME_PYTHON;
    detection.layout.version = python->version;
    detection.layout.thread_local_kind = SOCKDOG_THREAD_LOCAL_PTHREAD;
    detection.layout.thread_local_offset = python->thread_key + 4;
    detection.layout.runtime = runtime;
    detection.layout.pthread_specific = process.pthread_specific - process.pthread_bytes;
    detection.layout.python = python->walk;
    return detection;
}

}  // namespace sockdog
