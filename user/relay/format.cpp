#include "relay/format.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "incident/json.h"
#include "relay/severity.h"

namespace sockdog {

std::string dump(const nlohmann::json& json) {
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

nlohmann::json parsed(const OutboxItem& item) {
    auto json = nlohmann::json::parse(item.body, nullptr, false);
    return json.is_object() ? json : nlohmann::json::object();
}

nlohmann::json labels_of(const Incident& incident, const Sender& sender) {
    const Owner& owner = incident.owner;
    const Finding& finding = incident.first;  // it grows into other classes under the same labels
    nlohmann::json labels = {
        {"alertname", "SockdogLeak"},
        {"host", sender.host_name},
        {"host_id", sender.host_id},
        {"class", to_string(finding.leak_class)},
        {"service", json_safe(owner.display_name())},
        {"policy", json_safe(incident.policy)},
        {"incident", incident.id},
    };
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) labels[name] = json_safe(value);
    };
    add("unit", owner.unit);
    add("executable", owner.executable);
    add("container", owner.container_id.substr(0, 12));
    if (finding.endpoint.family != 0) add("endpoint", finding.endpoint.to_string());
    return labels;
}

std::string incident_reference(const Incident& incident, const Sender& sender) {
    return sender.host_id + "/" + identity_of(incident);
}

std::string shortened(std::string_view text, std::size_t bytes) {
    if (text.size() <= bytes) return std::string(text);
    std::size_t end = bytes - 3;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return std::string(text.substr(0, end)) + "...";
}

std::optional<std::string> render_event(const Revision& revision, const Sender& sender) {
    if (revision.kind == RevisionKind::kGrew)
        return std::nullopt;  // no news that a person should be woken for
    return dump({
        {"schema", "sockdog.webhook/1"},
        {"event", to_string(revision.kind)},
        {"revision", revision.number},
        {"at", format_rfc3339(revision.at)},
        {"idempotency_key", idempotency_key(sender, revision)},
        {"host", {{"id", sender.host_id}, {"name", sender.host_name}}},
        {"severity", to_string(severity_of(revision))},
        {"summary", json_safe(headline(revision))},
        {"incident", revision.incident},
    });
}

}  // namespace sockdog
