// What came of a command that ran under watch, as one value: text, JSON, JUnit and SARIF are made of it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/time.h"
#include "run/ignore.h"
#include "run/leak.h"

namespace sockdog {

/// The command was well and leaked more than is allowed. Beyond those that shells, sysexits.h and test
/// runners use.
inline constexpr int kExitLeaks = 86;
inline constexpr int kExitNotExecutable = 126;
inline constexpr int kExitNotFound = 127;

/// How the command ended.
struct CommandEnd {
    int start_error = 0;  // an errno: it never ran
    int status = 0;       // of its exit
    int signal = 0;       // that killed it; 0: none

    [[nodiscard]] bool well() const { return start_error == 0 && status == 0 && signal == 0; }
    /// As a shell tells it: 127, 126, 128 + signal, or its own.
    [[nodiscard]] int exit_code() const;
};

struct RunReport {
    std::vector<std::string> command;
    std::string working_directory;
    WallTime started;
    Duration took{};
    Duration warm_up{};
    CommandEnd end;
    std::uint32_t processes = 0;  // the command and all of its descendants
    std::uint32_t allowed = 0;    // leaked sockets
    std::set<RunClass> classes;   // that count
    bool call_sites = true;       // were asked for
    std::vector<LeakGroup> leaks;
    std::vector<LeakGroup> late;      // closed only by the end of their process; do not count
    std::vector<LeakGroup> ignored;   // by the baseline, `reason` says why
    std::vector<IgnoreEntry> unused;  // entries of the baseline that took nothing
    std::vector<std::string> notes;   // what was not seen, for people; empty is the normal state

    [[nodiscard]] std::uint32_t leaked() const;
    [[nodiscard]] std::uint32_t ignored_count() const;
    [[nodiscard]] std::uint32_t late_count() const;
    [[nodiscard]] bool failed() const { return leaked() > allowed; }
    /// The command's where that is not 0, else kExitLeaks or 0.
    [[nodiscard]] int exit_code() const;
};

/// Splits leaks by the baseline and groups both parts.
void fill(RunReport& report, const std::vector<Leak>& leaks, IgnoreList& baseline);

/// "python3 -m pytest", each word printable, quoted where a shell would need it; cut at 200 bytes.
std::string command_text(const std::vector<std::string>& command);
/// docs/json.md has the shape.
nlohmann::json report_json(const RunReport& report);

}  // namespace sockdog
