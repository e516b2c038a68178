// Part of every test program.
#include <spdlog/spdlog.h>

namespace {

// Made before any thread is, as in the programs: ThreadSanitizer does not see into the library, and would
// take its making on a thread for a race.
[[maybe_unused]] const auto g_logger = spdlog::default_logger();

}  // namespace

/// Read by the runtime of ThreadSanitizer; the name is its.
extern "C" const char* __tsan_default_suppressions();   // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __tsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
    // Debian's library is not instrumented: what it locks by itself is not seen. Tests use it as their
    // receiver.
    return "called_from_lib:libcpp-httplib.so\n";
}
