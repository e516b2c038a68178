// What systemd says about a unit, as far as it decides whether the unit may be restarted. Loop thread.
#pragma once

#include <systemd/sd-bus.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "owner/owner.h"

namespace sockdog {

struct UnitFacts {
    std::string id;  // the unit's own name: the one asked for may be an alias
    std::string load_state;
    std::string active_state;
    bool can_start = false;
    bool can_stop = false;
    bool refuse_manual_start = false;
    bool refuse_manual_stop = false;
    std::uint32_t job_id = 0;  // of a job that is queued or running already
    std::string control_group;
    std::vector<std::string>
        dependents;  // units that are restarted along with it: RequiredBy, BoundBy, ConsistsOf
};

/// Reads the reply of org.freedesktop.DBus.Properties.GetAll: known properties are taken, others skipped.
/// Without LoadState and ActiveState it is an error.
Result<UnitFacts> read_unit_facts(sd_bus_message* reply);

/// Why this unit may not be restarted because of `offender`; nothing where it may.
std::optional<std::string> unrestartable(const UnitFacts& facts, const Owner& offender);

}  // namespace sockdog
