#include "remedy/unit_facts.h"

#include <array>
#include <cstring>
#include <string_view>

#include "base/text.h"
#include "remedy/protected.h"
#include "remedy/target.h"

namespace sockdog {
namespace {

constexpr std::array<std::string_view, 3> kDependents = {"RequiredBy", "BoundBy", "ConsistsOf"};

std::string* text_field(UnitFacts& facts, std::string_view name) {
    if (name == "Id") return &facts.id;
    if (name == "LoadState") return &facts.load_state;
    if (name == "ActiveState") return &facts.active_state;
    if (name == "ControlGroup") return &facts.control_group;
    return nullptr;
}

bool* flag_field(UnitFacts& facts, std::string_view name) {
    if (name == "CanStart") return &facts.can_start;
    if (name == "CanStop") return &facts.can_stop;
    if (name == "RefuseManualStart") return &facts.refuse_manual_start;
    if (name == "RefuseManualStop") return &facts.refuse_manual_stop;
    return nullptr;
}

int read_names(sd_bus_message* m, std::vector<std::string>& out) {
    constexpr std::size_t kMost = 4096;
    int r = sd_bus_message_enter_container(m, 'a', "s");
    const char* name = nullptr;
    while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', static_cast<void*>(&name))) > 0) {
        if (out.size() < kMost) out.emplace_back(name);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

/// The value of one property: the contents of the variant that is next in `m`.
int read_value(sd_bus_message* m, std::string_view name, std::string_view type, UnitFacts& facts) {
    if (std::string* text = text_field(facts, name); text != nullptr && type == "s") {
        const char* value = nullptr;
        const int r = sd_bus_message_read_basic(m, 's', static_cast<void*>(&value));
        if (r > 0) *text = value;
        return r;
    }
    if (bool* flag = flag_field(facts, name); flag != nullptr && type == "b") {
        int value = 0;
        const int r = sd_bus_message_read_basic(m, 'b', &value);
        *flag = value != 0;
        return r;
    }
    if (name == "Job" && type == "(uo)") return sd_bus_message_read(m, "(uo)", &facts.job_id, nullptr);
    for (const auto dependent : kDependents) {
        if (name == dependent && type == "as") return read_names(m, facts.dependents);
    }
    return sd_bus_message_skip(m, std::string(type).c_str());
}

int read_property(sd_bus_message* m, UnitFacts& facts) {
    const char* name = nullptr;
    int r = sd_bus_message_read_basic(m, 's', static_cast<void*>(&name));
    if (r < 0) return r;
    const char* type = nullptr;
    r = sd_bus_message_peek_type(m, nullptr, &type);
    if (r < 0) return r;
    const std::string contents(type == nullptr ? "" : type);
    r = sd_bus_message_enter_container(m, 'v', contents.c_str());
    if (r < 0) return r;
    r = read_value(m, name, contents, facts);
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

int read_all(sd_bus_message* m, UnitFacts& facts) {
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");
    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = read_property(m, facts);
        if (r >= 0) r = sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

bool is_within(std::string_view cgroup, std::string_view root) {
    return cgroup.starts_with(root) && (cgroup.size() == root.size() || cgroup[root.size()] == '/');
}

std::optional<std::string> unloadable(const UnitFacts& facts, const std::string& unit) {
    if (facts.load_state == "masked") return unit + " is masked";
    if (facts.load_state == "not-found") return "systemd knows no unit file of " + unit;
    if (facts.load_state != "loaded")
        return "the load state of " + unit + " is " + printable(facts.load_state);
    if (facts.job_id != 0) {
        return "systemd is at work on " + unit + " already (job " + std::to_string(facts.job_id) + ")";
    }
    if (facts.active_state != "active") return unit + " is " + printable(facts.active_state) + ", not active";
    if (facts.refuse_manual_start || facts.refuse_manual_stop) return unit + " refuses manual start or stop";
    if (!facts.can_start || !facts.can_stop) return unit + " cannot be started or stopped";
    return std::nullopt;
}

}  // namespace

Result<UnitFacts> read_unit_facts(sd_bus_message* reply) {
    UnitFacts facts;
    const int r = read_all(reply, facts);
    if (r < 0) return Error::from_errno("read the unit's properties", -r);
    if (facts.load_state.empty() || facts.active_state.empty()) {
        return make_error("the unit's properties lack LoadState or ActiveState", EBADMSG);
    }
    return facts;
}

std::optional<std::string> unrestartable(const UnitFacts& facts, const Owner& offender) {
    const std::string unit = printable(unit_to_restart(offender));
    if (auto why = unloadable(facts, unit)) return why;
    if (!facts.id.empty() && is_protected_unit(facts.id, {})) {
        return unit + " is " + printable(facts.id) + ", which is on the list of protected units";
    }
    // A container's own systemd has units of the same names; their cgroups lie elsewhere.
    if (facts.control_group.size() < 2 || !is_within(offender.cgroup, facts.control_group)) {
        return "the process sits in cgroup " + printable(offender.cgroup) + ", which is not that of " + unit +
               " (" + printable(facts.control_group) + ")";
    }
    // Whoever answers as a user's manager speaks for what is below that manager's unit, and for nothing else.
    if (!offender.user_unit.empty() &&
        facts.control_group.find("/" + offender.unit + "/") == std::string::npos) {
        return unit + " (" + printable(facts.control_group) + ") does not lie below " +
               printable(offender.unit);
    }
    for (const auto& dependent : facts.dependents) {
        if (is_protected_unit(dependent, {})) {
            return "restarting " + unit + " would restart " + printable(dependent) +
                   ", which is on the list of protected units";
        }
    }
    return std::nullopt;
}

}  // namespace sockdog
