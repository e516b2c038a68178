#include "run/report.h"

#include <nlohmann/json.hpp>

#include <cerrno>

#include "base/text.h"

namespace sockdog {
namespace {

using nlohmann::json;

constexpr std::size_t kMostCommand = 200;

double seconds(Duration d) {
    return std::chrono::duration<double>(d).count();
}

std::uint32_t sum(const std::vector<LeakGroup>& groups) {
    std::uint32_t count = 0;
    for (const LeakGroup& one : groups) count += one.count;
    return count;
}

json frame_json(const CallFrame& frame) {
    return {{"function", printable(frame.function)},
            {"file", printable(frame.file)},
            {"line", frame.line},
            {"module", printable(frame.module)},
            {"origin", to_string(frame.origin)}};
}

json site_json(const CallSite& site) {
    json frames = json::array();
    for (const CallFrame& frame : site.frames) frames.push_back(frame_json(frame));
    json application = nullptr;
    if (site.application_frame() != nullptr) application = *site.application;
    return {{"frames", std::move(frames)},
            {"application", std::move(application)},
            {"unknown_because", printable(site.unknown_because)}};
}

json group_json(const LeakGroup& leak) {
    json endpoints = json::array();
    for (const auto& [endpoint, count] : leak.endpoints)
        endpoints.push_back({{"endpoint", endpoint.to_string()}, {"count", count}});
    json processes = json::array();
    for (const ProcessId& process : leak.processes)
        processes.push_back({{"pid", process.pid}, {"start_ticks", process.start_ticks}});
    const CallFrame* frame = leak.site.application_frame();
    json j{{"class", to_string(leak.leak_class)},
           {"count", leak.count},
           {"role", to_string(leak.role)},
           {"site", frame == nullptr ? "" : printable(to_string(*frame))},
           {"file", frame == nullptr ? "" : printable(frame->file)},
           {"line", frame == nullptr ? 0 : frame->line},
           {"function", frame == nullptr ? "" : printable(frame->function)},
           {"comm", printable(leak.comm)},
           {"processes", std::move(processes)},
           {"endpoints", std::move(endpoints)},
           {"oldest_seconds", seconds(leak.oldest)},
           {"recv_queue_max_bytes", leak.recv_queue_max_bytes}};
    if (leak.site.id != 0) j["call_site"] = site_json(leak.site);
    if (!leak.reason.empty()) j["reason"] = printable(leak.reason);
    return j;
}

json groups_json(const std::vector<LeakGroup>& groups) {
    json list = json::array();
    for (const LeakGroup& one : groups) list.push_back(group_json(one));
    return list;
}

std::string quoted(const std::string& word) {
    const bool plain = !word.empty() && word.find_first_of(" \t\"'\\$`&|;<>()*?[]#~!{}") == std::string::npos;
    if (plain) return printable(word);
    std::string out = "'";
    for (const char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
    return printable(out + "'");
}

}  // namespace

int CommandEnd::exit_code() const {
    if (start_error != 0) return start_error == ENOENT ? kExitNotFound : kExitNotExecutable;
    return signal != 0 ? 128 + signal : status;
}

std::uint32_t RunReport::leaked() const {
    return sum(leaks);
}

std::uint32_t RunReport::ignored_count() const {
    return sum(ignored);
}

std::uint32_t RunReport::late_count() const {
    return sum(late);
}

int RunReport::exit_code() const {
    if (!end.well()) return end.exit_code();
    return failed() ? kExitLeaks : 0;
}

void fill(RunReport& report, const std::vector<Leak>& leaks, IgnoreList& baseline) {
    std::vector<Leak> counted;
    std::map<int, std::vector<Leak>> covered;  // by line of the entry
    std::map<int, std::string> reasons;
    for (const Leak& leak : leaks) {
        const IgnoreEntry* entry = baseline.take(leak);
        if (entry == nullptr) {
            counted.push_back(leak);
            continue;
        }
        covered[entry->line].push_back(leak);
        reasons[entry->line] = entry->reason;
    }
    report.leaks = group(counted);
    for (const auto& [line, some] : covered) {
        for (LeakGroup& one : group(some)) {
            one.reason = reasons[line];
            report.ignored.push_back(std::move(one));
        }
    }
    for (const IgnoreEntry& entry : baseline.entries) {
        if (entry.used == 0) report.unused.push_back(entry);
    }
}

std::string command_text(const std::vector<std::string>& command) {
    std::string text;
    for (const std::string& word : command) {
        text += (text.empty() ? "" : " ") + quoted(word);
        if (text.size() > kMostCommand) return printable(text.substr(0, kMostCommand)) + "...";
    }
    return text;
}

json report_json(const RunReport& report) {
    json classes = json::array();
    for (const RunClass one : report.classes) classes.push_back(to_string(one));
    json command = json::array();
    for (const std::string& word : report.command) command.push_back(printable(word));
    json unused = json::array();
    for (const IgnoreEntry& entry : report.unused)
        unused.push_back({{"line", entry.line}, {"site", printable(entry.site)}});
    return {{"command", std::move(command)},
            {"working_directory", printable(report.working_directory)},
            {"started", format_rfc3339(report.started)},
            {"took_seconds", seconds(report.took)},
            {"warm_up_seconds", seconds(report.warm_up)},
            {"command_exit_code", report.end.exit_code()},
            {"command_signal", report.end.signal},
            {"exit_code", report.exit_code()},
            {"processes", report.processes},
            {"classes", std::move(classes)},
            {"allowed", report.allowed},
            {"leaked", report.leaked()},
            {"ignored_count", report.ignored_count()},
            {"leaks", groups_json(report.leaks)},
            {"late", groups_json(report.late)},
            {"ignored", groups_json(report.ignored)},
            {"unused_ignores", std::move(unused)},
            {"notes", report.notes}};
}

}  // namespace sockdog
