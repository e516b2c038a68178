#include "probe/libbpf_words.h"

#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <cstdarg>
#include <cstdio>

namespace sockdog {
namespace {

/// libbpf's warnings of the load under way, so that a refusal can be told with the kernel's own words.
thread_local std::string t_libbpf_words;

int keep_words(enum libbpf_print_level level, const char* format, va_list arguments) {
    char line[1024];
    const int length = std::vsnprintf(line, sizeof line, format, arguments);
    if (level == LIBBPF_WARN && t_libbpf_words.size() < 65536) t_libbpf_words += line;
    if (level == LIBBPF_WARN) spdlog::debug("libbpf: {}", line);
    return length;
}

}  // namespace

void begin_libbpf_words() {
    libbpf_set_print(keep_words);
    t_libbpf_words.clear();
}

std::string libbpf_verdict() {
    const std::string& words = t_libbpf_words;
    std::string verdict;
    std::size_t start = 0;
    while (start < words.size()) {
        std::size_t end = words.find('\n', start);
        if (end == std::string::npos) end = words.size();
        const std::string line = words.substr(start, end - start);
        if (line.starts_with("processed ") || line.starts_with("-- END")) break;
        if (!line.empty() && !line.starts_with("libbpf: prog") &&
            line.find("BEGIN PROG LOAD LOG") == std::string::npos)
            verdict = line;
        start = end + 1;
    }
    return verdict;
}

bool tracefs_present() {
    struct stat status {};
    return stat("/sys/kernel/tracing/events/syscalls", &status) == 0 ||
           stat("/sys/kernel/debug/tracing/events/syscalls", &status) == 0;
}

}  // namespace sockdog
