// JSON of everything that leaves the agent: the control socket, the journal and webhooks share these shapes.
// Field names are stable; documented in docs/json.md. Durations are seconds as numbers ("dwell_seconds"),
// times RFC 3339. from_json throws nlohmann::json::exception on a wrong shape; callers that read foreign JSON
// catch it.
#pragma once

#include <nlohmann/json.hpp>

#include "incident/incident.h"

namespace sockdog {

void to_json(nlohmann::json& j, const ProcessId& v);
void from_json(const nlohmann::json& j, ProcessId& v);
void to_json(nlohmann::json& j, const Owner& v);
void from_json(const nlohmann::json& j, Owner& v);
void to_json(nlohmann::json& j, const Victim& v);
void from_json(const nlohmann::json& j, Victim& v);
void to_json(nlohmann::json& j, const Finding& v);
void from_json(const nlohmann::json& j, Finding& v);
void to_json(nlohmann::json& j, const RemedyReport& v);
void from_json(const nlohmann::json& j, RemedyReport& v);
void to_json(nlohmann::json& j, const Incident& v);
void from_json(const nlohmann::json& j, Incident& v);
void to_json(nlohmann::json& j, const Revision& v);
void from_json(const nlohmann::json& j, Revision& v);

/// Strings of foreign origin (comm, command line) made valid UTF-8, as JSON demands.
std::string json_safe(std::string_view bytes);

}  // namespace sockdog
