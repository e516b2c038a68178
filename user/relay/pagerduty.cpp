// The receiver "pagerduty": Events API v2. One alert an incident, by its dedup_key. Limits as documented by
// PagerDuty: summary 1024 characters, an event 512 KiB, dedup_key 255.
#include <nlohmann/json.hpp>

#include "incident/json.h"
#include "relay/format.h"
#include "relay/severity.h"

namespace sockdog {
namespace {

constexpr std::size_t kSummaryBytes = 1024;

class PagerDutyFormat : public Format {
  public:
    [[nodiscard]] std::optional<std::string> render(const Revision& revision,
                                                    const Sender& sender) const override {
        const Incident& incident = revision.incident;
        if (revision.kind == RevisionKind::kGrew) return std::nullopt;
        if (!incident.open() && revision.kind != RevisionKind::kResolved) return std::nullopt;
        nlohmann::json event = {
            {"event_action", incident.open() ? "trigger" : "resolve"},
            {"dedup_key", incident_reference(incident, sender)},
            {"client", "sockdog"},
        };
        event["payload"] = {
            {"summary", json_safe(shortened(sender.host_name + ": " + summary(incident), kSummaryBytes))},
            {"source", sender.host_name},
            {"severity", to_string(severity_of(revision))},
            {"timestamp", format_rfc3339(revision.at)},
            {"component", json_safe(incident.owner.display_name())},
            {"group", json_safe(incident.policy)},
            {"class", to_string(incident.latest.leak_class)},
            {"custom_details",
             {{"event", json_safe(shortened(headline(revision), kSummaryBytes))},
              {"finding", nlohmann::json(incident.latest)},
              {"labels", labels_of(incident, sender)}}},
        };
        return dump(event);
    }

    [[nodiscard]] Message message(std::span<const OutboxItem> items, const Sending& sending) const override {
        auto event = parsed(items.front());
        event["routing_key"] = sending.secret;  // not in the outbox, which is copied and looked at
        return {.body = dump(event)};
    }
    [[nodiscard]] std::string default_path() const override { return "/v2/enqueue"; }
};

}  // namespace

std::unique_ptr<Format> pagerduty_format() {
    return std::make_unique<PagerDutyFormat>();
}

}  // namespace sockdog
