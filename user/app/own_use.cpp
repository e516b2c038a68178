#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "app/queries.h"

namespace sockdog {

OwnUse own_use() {
    OwnUse use;
    std::ifstream statm("/proc/self/statm");  // proc(5): size resident shared ..., in pages
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    if (statm >> size >> resident)
        use.memory_bytes = resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    rusage usage{};
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        const auto seconds = [](const timeval& time) {
            return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
        };
        use.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    }
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", error);
         entry != std::filesystem::directory_iterator(); entry.increment(error))
        use.open_fds++;
    if (use.open_fds > 0) use.open_fds--;  // the one that reads the directory
    return use;
}

}  // namespace sockdog
