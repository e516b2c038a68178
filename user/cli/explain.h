// `sockdog explain`: a leak as a story in sentences for someone at 3 a.m., or why a process has none. Pure.
// Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "cli/style.h"
#include "query/views.h"

namespace sockdog {

/// What the caller may see for itself of the same process and host; nothing where it may not.
struct LocalFacts {
    std::optional<std::uint64_t> open_fds;  // of the process
    std::optional<std::uint64_t>
        local_ports;  // net.ipv4.ip_local_port_range in the process's network namespace
};

/// With all frames of the lines that opened sockets where `stacks`.
std::string render_explanation(const ExplainView& view, const LocalFacts& facts, const Now& now,
                               const Style& style, bool stacks = false);

// The parts of the story, each one paragraph; empty where there is nothing to tell.

/// What leaks, how fast, to whom.
std::string leak_sentence(const Finding& finding);
std::string growth_sentence(const Finding& finding);
/// What Recv-Q says about what the program forgot.
std::string forgotten_sentence(const Finding& finding);
/// Which lines of code opened what leaks; empty: not known.
std::string places_sentence(const Finding& finding);
/// When fds or local ports run out if it goes on like this.
std::string forecast_sentence(const Finding& finding, const ExplainView& view, const LocalFacts& facts);
/// What the programmers should change, and what helps until they have.
std::string cure_sentence(const Finding& finding, const Owner& owner);

}  // namespace sockdog
