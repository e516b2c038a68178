#include "remedy/manager_bus.h"

#include "remedy/target.h"

namespace sockdog {
namespace {

int open_address(sd_bus** bus, const std::string& address) {
    int r = sd_bus_new(bus);
    if (r >= 0) r = sd_bus_set_address(*bus, address.c_str());
    if (r >= 0) r = sd_bus_set_bus_client(*bus, 1);
    return r < 0 ? r : sd_bus_start(*bus);
}

}  // namespace

int open_manager_bus(sd_bus** bus, const Owner& owner, const BusAddresses& addresses) {
    if (owner.user_unit.empty()) {
        return addresses.system.empty() ? sd_bus_open_system_with_description(bus, "sockdog-remedy")
                                        : open_address(bus, addresses.system);
    }
    if (!addresses.user.empty()) return open_address(bus, addresses.user);
    const auto uid = user_manager_uid(owner.unit);
    if (!uid) return -EINVAL;
    return sd_bus_open_user_machine(bus, (std::to_string(*uid) + "@.host").c_str());
}

}  // namespace sockdog
