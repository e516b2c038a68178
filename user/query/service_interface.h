// org.varlink.service: what every Varlink service answers about itself. Private to the room. Loop thread.
#pragma once

#include <string>
#include <string_view>

#include "query/varlink_server.h"

namespace sockdog {

inline constexpr std::string_view kServiceInterface = "org.varlink.service";

/// GetInfo and GetInterfaceDescription.
void answer_service_call(const std::string& method, const std::string& version, const ServedInterface& served,
                         Call call);

}  // namespace sockdog
