#include "run/junit.h"

#include <cstdio>

#include "base/text.h"

namespace sockdog {
namespace {

std::string seconds_text(Duration d) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", std::chrono::duration<double>(d).count());
    return text;
}

std::string attribute(std::string_view name, std::string_view value) {
    return " " + std::string(name) + "=\"" + xml_escaped(value) + "\"";
}

/// Everything that helps to find the leak, one fact a line; XML keeps these line ends.
std::string story(const LeakGroup& leak) {
    std::string text = std::string(describe(leak.leak_class)) + ".\n";
    for (const auto& [endpoint, count] : leak.endpoints)
        text += "endpoint " + endpoint.to_string() + ": " + std::to_string(count) + "\n";
    text += "process " + printable(leak.comm) + ", pid";
    for (const ProcessId& process : leak.processes) text += " " + std::to_string(process.pid);
    text += "\n";
    if (!leak.site.unknown_because.empty()) text += "line: " + printable(leak.site.unknown_because) + "\n";
    for (const CallFrame& frame : leak.site.frames) text += "  at " + printable(to_long_string(frame)) + "\n";
    return text;
}

std::string name_of(const LeakGroup& leak) {
    std::string name = std::string(to_string(leak.leak_class)) + " at " + leak.place();
    if (leak.site.application_frame() == nullptr && !leak.endpoints.empty())
        name += " " + leak.comm + " " + leak.endpoints.begin()->first.to_string();
    return name;
}

std::string test_case(std::string_view classname, const std::string& name, const std::string& inside) {
    std::string text = "    <testcase" + attribute("classname", classname) + attribute("name", name) +
                       attribute("time", "0.000");
    return text + (inside.empty() ? "/>\n" : ">\n" + inside + "    </testcase>\n");
}

std::string element(const std::string& tag, const std::string& attributes, const std::string& text) {
    return "      <" + tag + attributes + ">" + xml_escaped(text) + "</" + tag + ">\n";
}

std::string class_of(RunClass leak_class) {
    return "sockdog." + std::string(to_string(leak_class));
}

std::string leak_case(const RunReport& report, const LeakGroup& leak) {
    const std::string message = std::to_string(leak.count) + " leaked";
    const std::string inside =
        report.failed()
            ? element("failure",
                      attribute("type", to_string(leak.leak_class)) + attribute("message", message),
                      story(leak))
            : element("system-out", "", message + ", which is allowed\n" + story(leak));
    return test_case(class_of(leak.leak_class), name_of(leak), inside);
}

struct Cases {
    std::string text;
    int tests = 0;
    int failures = 0;
    int skipped = 0;
};

void add_command(Cases& cases, const RunReport& report) {
    std::string inside;
    if (!report.end.well()) {
        ++cases.failures;
        inside = element("failure",
                         attribute("type", "command") +
                             attribute("message", "exit code " + std::to_string(report.end.exit_code())),
                         "");
    }
    ++cases.tests;
    cases.text += test_case("sockdog.command", command_text(report.command), inside);
}

Cases all_cases(const RunReport& report) {
    Cases cases;
    add_command(cases, report);
    for (const RunClass one : report.classes) {
        bool clean = true;
        for (const LeakGroup& leak : report.leaks) {
            if (leak.leak_class != one) continue;
            clean = false;
            ++cases.tests;
            cases.failures += report.failed() ? 1 : 0;
            cases.text += leak_case(report, leak);
        }
        if (!clean) continue;
        ++cases.tests;
        cases.text += test_case(class_of(one), "no " + std::string(to_string(one)), "");
    }
    for (const LeakGroup& leak : report.ignored) {
        ++cases.tests;
        ++cases.skipped;
        const std::string why = std::to_string(leak.count) + " ignored: " + leak.reason;
        cases.text += test_case(class_of(leak.leak_class), name_of(leak), element("skipped", "", why));
    }
    return cases;
}

}  // namespace

std::string xml_escaped(std::string_view text) {
    std::string out;
    // Line ends are kept, all else that is no plain text becomes \xNN: XML has no way to write a NUL.
    bool first = true;
    for (const std::string& line : split(text, '\n')) {
        if (!first) out += '\n';
        first = false;
        for (const char c : printable(line)) {
            switch (c) {
                case '&':
                    out += "&amp;";
                    break;
                case '<':
                    out += "&lt;";
                    break;
                case '>':
                    out += "&gt;";
                    break;
                case '"':
                    out += "&quot;";
                    break;
                case '\'':
                    out += "&apos;";
                    break;
                default:
                    out += c;
            }
        }
    }
    return out;
}

std::string junit_xml(const RunReport& report) {
    const Cases cases = all_cases(report);
    const std::string counts = attribute("tests", std::to_string(cases.tests)) +
                               attribute("failures", std::to_string(cases.failures)) +
                               attribute("errors", "0");
    const std::string time = attribute("time", seconds_text(report.took));
    std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" +
                       attribute("name", "sockdog") + counts + time + ">\n";
    text += "  <testsuite" + attribute("name", "sockdog run") + counts +
            attribute("skipped", std::to_string(cases.skipped)) + time +
            attribute("timestamp", format_rfc3339(report.started).substr(0, 19)) + ">\n";
    text += "    <properties>\n      <property" + attribute("name", "sockdog.leaked") +
            attribute("value", std::to_string(report.leaked())) + "/>\n      <property" +
            attribute("name", "sockdog.allowed") + attribute("value", std::to_string(report.allowed)) +
            "/>\n    </properties>\n";
    text += cases.text;
    std::string notes;
    for (const std::string& note : report.notes) notes += note + "\n";
    if (!notes.empty()) text += "    <system-err>" + xml_escaped(notes) + "</system-err>\n";
    return text + "  </testsuite>\n</testsuites>\n";
}

}  // namespace sockdog
