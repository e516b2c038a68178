// The words and the JSON of `sockdog destroy`. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "query/views.h"
#include "remedy/destroy.h"

namespace sockdog {

/// What will happen, to whom, and what it does not help: to be read before saying yes.
std::string destroy_warning(const Incident& incident, const DestroyPlan& plan, std::uint32_t established);
/// Why nothing is to be destroyed, and what is left alone.
std::string nothing_to_destroy(const Incident& incident, const DestroyPlan& plan, std::uint32_t established);
/// "40 of 40 sockets destroyed, ..."
std::string destroyed_sentence(const DestroyResult& result);
/// Why nothing may be destroyed for this incident, whatever its sockets; nothing where it may.
std::optional<std::string> undestroyable(const Incident& incident);
/// "there is no incident i9; open are i7 (close_wait, web.service) and ..."
std::string no_such_incident(const std::string& id, const std::vector<Incident>& open);

/// `result`: nothing for a dry run.
nlohmann::json destroy_json(const Incident& incident, const DestroyPlan& plan, const DestroyResult* result);

}  // namespace sockdog
