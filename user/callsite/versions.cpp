#include "callsite/versions.h"

#include <algorithm>
#include <array>

namespace sockdog {
namespace {

constexpr sockdog_ruby_offsets ruby_walk(std::uint16_t frame_bytes) {
    return {.ec_vm_stack = 0,
            .ec_vm_stack_size = 8,
            .ec_cfp = 16,
            .cfp_pc = 0,
            .cfp_iseq = 16,
            .cfp_size = frame_bytes};
}

/// 3.2 made first_lineno an int, and gave strings slots of several sizes, so that five bits are too few for
/// the length of an embedded one; 3.3 dropped __bp__ from the control frame.
constexpr std::array kRuby{
    RubyVersion{version_of(3, 1), ruby_walk(64), 120, false},
    RubyVersion{version_of(3, 2), ruby_walk(64), 112, true},
    RubyVersion{version_of(3, 3), ruby_walk(56), 112, true},
};

constexpr std::array kPython{
    PythonVersion{.version = version_of(3, 11),
                  .walk = {.thread_id = 152,
                           .cframe = 56,
                           .current = 8,
                           .frame_code = 32,
                           .frame_previous = 48,
                           .frame_instruction = 56},
                  .thread_key = 592,
                  .interpreters = 40,
                  .threads = 16,
                  .first_line = 72,
                  .code_bytes = 184,
                  .text_ascii = 48,
                  .text_other = 72},
    PythonVersion{.version = version_of(3, 12),
                  .walk = {.thread_id = 136,
                           .cframe = 56,
                           .current = 0,
                           .frame_code = 0,
                           .frame_previous = 8,
                           .frame_instruction = 56},
                  .thread_key = 1544,
                  .interpreters = 40,
                  .threads = 72,
                  .first_line = 68,
                  .code_bytes = 192,
                  .text_ascii = 40,
                  .text_other = 56},
    PythonVersion{.version = version_of(3, 13),
                  .walk = {.thread_id = 152,
                           .cframe = 0xffff,
                           .current = 72,
                           .frame_code = 0,
                           .frame_previous = 8,
                           .frame_instruction = 56},
                  .thread_key = 2160,
                  .interpreters = 632,
                  .threads = 7344,
                  .first_line = 68,
                  .code_bytes = 200,
                  .text_ascii = 40,
                  .text_other = 56},
};

template <typename Versions>
auto find_in(const Versions& versions, std::uint32_t version) -> decltype(versions.data()) {
    for (const auto& candidate : versions)
        if (candidate.version == version) return &candidate;
    return nullptr;
}

}  // namespace

const RubyVersion* find_ruby(std::uint32_t version) {
    return find_in(kRuby, version);
}

const PythonVersion* find_python(std::uint32_t version) {
    return find_in(kPython, version);
}

}  // namespace sockdog
