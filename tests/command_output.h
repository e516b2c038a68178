// What a command of the shell says and how it ends.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace sockdog::fixtures {

struct CommandOutput {
    std::string text;  // standard output; with "2>&1" in the command both
    int code = -1;     // exit code; -1 where it had none
};

inline CommandOutput output_of(const std::string& command) {
    CommandOutput output;
    FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return output;
    std::array<char, 4096> buffer{};
    for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        output.text.append(buffer.data(), n);
    const int status = ::pclose(pipe);
    if (WIFEXITED(status)) output.code = WEXITSTATUS(status);
    return output;
}

}  // namespace sockdog::fixtures
