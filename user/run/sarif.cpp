#include "run/sarif.h"

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace sockdog {
namespace {

using nlohmann::json;

constexpr const char* kRoot = "SRCROOT";

std::string percent_encoded(const std::string& path) {
    static constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/+@";
    static constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (kPlain.find(c) != std::string_view::npos) {
            out += c;
        } else {
            out += '%';
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        }
    }
    return out;
}

/// FNV-1a, 64 bits: the same leak has the same name on every machine and after lines above it moved.
std::string fingerprint(const std::string& text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    std::array<char, 17> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash));
    return digits.data();
}

std::string endpoints_text(const LeakGroup& leak) {
    if (leak.endpoints.size() != 1) return std::to_string(leak.endpoints.size()) + " endpoints";
    return leak.endpoints.begin()->first.to_string();
}

std::string message_of(const LeakGroup& leak) {
    const bool accepted = leak.role == SocketRole::kAccepted;
    return std::string(describe(leak.leak_class)) + ": " + std::to_string(leak.count) +
           (leak.count == 1 ? " connection " : " connections ") + (accepted ? "accepted on " : "to ") +
           endpoints_text(leak) + " by " + printable(leak.comm) + ", " + (accepted ? "accepted" : "opened") +
           " at " + printable(leak.place()) + ".";
}

json location_of(const CallFrame& frame, const std::string& directory) {
    json location = json::object();
    if (!frame.file.empty()) {
        const SarifPlace place = sarif_place(frame.file, directory);
        json artifact{{"uri", place.uri}};
        if (place.relative) artifact["uriBaseId"] = kRoot;
        json physical{{"artifactLocation", std::move(artifact)}};
        if (frame.line > 0) physical["region"] = {{"startLine", frame.line}};
        location["physicalLocation"] = std::move(physical);
    }
    if (!frame.function.empty())
        location["logicalLocations"] =
            json::array({{{"name", printable(frame.function)}, {"kind", "function"}}});
    return location;
}

json stack_of(const CallSite& site, const std::string& directory) {
    json frames = json::array();
    for (const CallFrame& frame : site.frames) {
        json one = location_of(frame, directory);
        one["message"] = {{"text", printable(to_string(frame))}};
        frames.push_back({{"location", std::move(one)}});
    }
    return {{"message", {{"text", "where the connection was made, innermost first"}}},
            {"frames", std::move(frames)}};
}

std::string identity_of(const LeakGroup& leak, const std::string& directory) {
    const std::string start = std::string(to_string(leak.leak_class)) + '\n';
    if (const CallFrame* frame = leak.site.application_frame())
        return start + sarif_place(frame->file, directory).uri + '\n' + frame->function;
    std::string ports;  // addresses change from run to run
    if (leak.endpoints.size() == 1) ports = std::to_string(leak.endpoints.begin()->first.port);
    return start + leak.comm + '\n' + ports;
}

json result_of(const LeakGroup& leak, const RunReport& report) {
    const std::string& directory = report.working_directory;
    json locations = json::array();
    const CallFrame* frame = leak.site.application_frame();
    if (frame != nullptr) locations.push_back(location_of(*frame, directory));
    json result{{"ruleId", to_string(leak.leak_class)},
                {"ruleIndex", static_cast<int>(leak.leak_class)},
                {"level", report.failed() && leak.reason.empty() ? "error" : "note"},
                {"message", {{"text", message_of(leak)}}},
                {"locations", std::move(locations)},
                {"occurrenceCount", leak.count},
                {"partialFingerprints", {{"sockdogLeak/v1", fingerprint(identity_of(leak, directory))}}}};
    if (!leak.site.frames.empty()) result["stacks"] = json::array({stack_of(leak.site, directory)});
    if (!leak.reason.empty()) {
        result["suppressions"] =
            json::array({{{"kind", "external"}, {"justification", printable(leak.reason)}}});
    }
    return result;
}

std::string_view cure(RunClass leak_class) {
    if (leak_class == RunClass::kDeadFd)
        return "Close the file descriptor after an error on the connection as well; without that the process "
               "runs out of descriptors.";
    return "Close each client, response or connection when it is done with, errors included; or keep one "
           "client and reuse it.";
}

json rules() {
    json list = json::array();
    for (const RunClass one : kRunClasses) {
        list.push_back({{"id", to_string(one)},
                        {"name", one == RunClass::kCloseWait ? "ConnectionNeverClosed"
                                 : one == RunClass::kOpen    ? "ConnectionLeftOpen"
                                                             : "DeadConnectionKept"},
                        {"shortDescription", {{"text", std::string(describe(one)) + "."}}},
                        {"fullDescription", {{"text", std::string(describe(one)) + "."}}},
                        {"help", {{"text", cure(one)}}},
                        {"defaultConfiguration", {{"level", "error"}}}});
    }
    return list;
}

json invocation_of(const RunReport& report) {
    json one{{"executionSuccessful", report.end.start_error == 0},
             {"commandLine", command_text(report.command)},
             {"startTimeUtc", format_rfc3339(report.started)}};
    if (report.end.start_error != 0) return one;
    if (report.end.signal == 0) one["exitCode"] = report.end.status;
    if (report.end.signal != 0) one["exitSignalNumber"] = report.end.signal;
    json notes = json::array();
    for (const std::string& note : report.notes)
        notes.push_back({{"level", "warning"}, {"message", {{"text", printable(note)}}}});
    if (!notes.empty()) one["toolExecutionNotifications"] = std::move(notes);
    return one;
}

}  // namespace

SarifPlace sarif_place(const std::string& file, const std::string& working_directory) {
    const std::filesystem::path path = std::filesystem::path(file).lexically_normal();
    if (path.is_relative()) return {percent_encoded(path.string()), true};
    const auto inside = path.lexically_relative(working_directory);
    if (!inside.empty() && *inside.begin() != "..") return {percent_encoded(inside.string()), true};
    return {"file://" + percent_encoded(path.string()), false};
}

json sarif_json(const RunReport& report) {
    json results = json::array();
    for (const LeakGroup& leak : report.leaks) results.push_back(result_of(leak, report));
    for (const LeakGroup& leak : report.ignored) results.push_back(result_of(leak, report));
    const std::string root = report.working_directory == "/" ? "" : report.working_directory;
    json run{{"tool",
              {{"driver", {{"name", "sockdog"}, {"semanticVersion", SOCKDOG_VERSION}, {"rules", rules()}}}}},
             {"invocations", json::array({invocation_of(report)})},
             {"originalUriBaseIds", {{kRoot, {{"uri", "file://" + percent_encoded(root) + "/"}}}}},
             {"columnKind", "utf16CodeUnits"},
             {"results", std::move(results)}};
    return {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
            {"version", "2.1.0"},
            {"runs", json::array({std::move(run)})}};
}

}  // namespace sockdog
