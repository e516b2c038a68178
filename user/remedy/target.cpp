#include "remedy/target.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace sockdog {
namespace {

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool all_of_set(std::string_view text, std::string_view extra) {
    return std::all_of(text.begin(), text.end(),
                       [&](char c) { return is_alphanumeric(c) || extra.find(c) != std::string_view::npos; });
}

/// The value of a placeholder, fit for a command line: no leading dash, which would read as an option.
Result<std::string> value_of(std::string_view name, const Incident& incident) {
    std::string value;
    bool good = true;
    if (name == "pid") {
        value = incident.latest.process.known() ? std::to_string(incident.latest.process.pid) : std::string();
    } else if (name == "unit") {
        value = incident.owner.unit;
        good = valid_unit_name(value);
    } else if (name == "container") {
        value = incident.owner.container_id;
        good = all_of_set(value, "_.-") && value.front() != '-';
    } else {
        value = incident.id;
        good = all_of_set(value, "_.-") && value.front() != '-';
    }
    if (value.empty()) {
        return make_error("the command uses {" + std::string(name) + "}, which this process does not have");
    }
    if (!good) {
        return make_error("\"" + printable(value) + "\" is not fit to stand for {" + std::string(name) +
                          "} in a command");
    }
    return value;
}

constexpr std::array<std::string_view, 4> kPlaceholders = {"pid", "unit", "container", "incident"};

Result<std::string> expand(std::string_view argument, const Incident& incident) {
    std::string out;
    for (std::size_t at = 0; at < argument.size();) {
        const auto* found =
            std::find_if(kPlaceholders.begin(), kPlaceholders.end(), [&](std::string_view name) {
                return argument[at] == '{' && argument.substr(at + 1, name.size()) == name &&
                       argument.substr(at + 1 + name.size(), 1) == "}";
            });
        if (found == kPlaceholders.end()) {
            out += argument[at++];
            continue;
        }
        auto value = value_of(*found, incident);
        if (!value) return value.error();
        out += *value;
        at += found->size() + 2;
    }
    return out;
}

std::optional<std::string> no_service(const Owner& owner) {
    if (!owner.user_unit.empty() && !user_manager_uid(owner.unit))
        return printable(owner.unit) + " is not the unit of a user's service manager";
    const std::string& name = unit_to_restart(owner);
    if (name.empty()) return "the process is in no systemd unit";
    const std::string unit = printable(name);
    if (name.ends_with(".scope")) {
        return unit +
               " is a scope (a login session, an application or a container), which systemd cannot restart";
    }
    if (!name.ends_with(".service")) return unit + " is not a service";
    if (!valid_unit_name(name)) return unit + " is not a valid name of a unit";
    if (name.find("@.") != std::string::npos) return unit + " is a template, not a unit";
    return std::nullopt;
}

}  // namespace

bool valid_unit_name(std::string_view name) {
    constexpr std::array<std::string_view, 5> kEndings = {".service", ".scope", ".slice", ".socket",
                                                          ".mount"};
    constexpr std::size_t kMaxLength = 255;  // UNIT_NAME_MAX of systemd
    if (name.size() > kMaxLength || name.starts_with('-') || !all_of_set(name, ":-_.\\@")) return false;
    return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view ending) {
        return name.size() > ending.size() && name.ends_with(ending);
    });
}

std::optional<std::uint32_t> user_manager_uid(std::string_view unit) {
    constexpr std::string_view kFront = "user@";
    constexpr std::string_view kBack = ".service";
    if (!unit.starts_with(kFront) || !unit.ends_with(kBack)) return std::nullopt;
    unit.remove_prefix(kFront.size());
    unit.remove_suffix(kBack.size());
    std::uint32_t uid = 0;
    const char* const end = unit.data() + unit.size();
    const auto [rest, error] = std::from_chars(unit.data(), end, uid);
    if (error != std::errc{} || rest != end) return std::nullopt;
    return uid;
}

const std::string& unit_to_restart(const Owner& owner) {
    return owner.user_unit.empty() ? owner.unit : owner.user_unit;
}

std::optional<std::string> untargetable(const Incident& incident, const RemedyPolicy& policy) {
    if (policy.action == RemedyAction::kSystemdRestart) return no_service(incident.owner);
    if (policy.action == RemedyAction::kCommand) {
        if (const auto command = expand_command(incident, policy); !command) return command.error().message;
    }
    return std::nullopt;
}

Result<std::vector<std::string>> expand_command(const Incident& incident, const RemedyPolicy& policy) {
    if (policy.command.empty() || policy.command.front().empty())
        return make_error("the policy names no command");
    std::vector<std::string> out = {policy.command.front()};
    for (std::size_t i = 1; i < policy.command.size(); ++i) {
        auto argument = expand(policy.command[i], incident);
        if (!argument) return argument.error();
        out.push_back(std::move(*argument));
    }
    return out;
}

std::string describe_target(const Incident& incident, const RemedyPolicy& policy) {
    if (policy.action == RemedyAction::kSystemdRestart) {
        const Owner& owner = incident.owner;
        const std::string whose = owner.user_unit.empty() ? "" : " of " + printable(owner.unit);
        return printable(unit_to_restart(owner)) + whose;
    }
    if (policy.action == RemedyAction::kMonitRestart)
        return "monit service of pid " + std::to_string(incident.latest.process.pid);
    const auto expanded = expand_command(incident, policy);
    const auto& argv = expanded ? *expanded : policy.command;
    std::string line;
    for (const auto& argument : argv) line += (line.empty() ? "" : " ") + printable(argument);
    return line;
}

}  // namespace sockdog
