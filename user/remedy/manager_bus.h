// The bus on which the service manager of a process is to be found. Loop thread; nothing blocks but starting
// a program.
#pragma once

#include <systemd/sd-bus.h>

#include <string>

#include "owner/owner.h"

namespace sockdog {

/// Buses to use in place of the real ones; empty: the real one.
struct BusAddresses {
    std::string system;
    std::string user;
};

/// Begins to connect `*bus` to the manager of the owner's unit: the host's on the system bus, a user's own on
/// his bus. The latter lies in /run/user, which is hidden from sockdogd, so that libsystemd has the host's
/// systemd start a bridge to it ("UID@.host": systemd-run, then systemd-stdio-bridge as that user). A
/// negative errno; what fails later comes as an answer or as the end of the connection. *bus is to be
/// released in any case.
int open_manager_bus(sd_bus** bus, const Owner& owner, const BusAddresses& addresses);

}  // namespace sockdog
