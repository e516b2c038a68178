// The receiver "cloudevents": CloudEvents 1.0 over HTTP in structured content mode; `data` is the webhook's
// body.
#include <nlohmann/json.hpp>

#include "incident/json.h"
#include "relay/format.h"

namespace sockdog {
namespace {

class CloudEventsFormat : public Format {
  public:
    [[nodiscard]] std::optional<std::string> render(const Revision& revision,
                                                    const Sender& sender) const override {
        const auto data = render_event(revision, sender);
        if (!data) return std::nullopt;
        return dump({
            {"specversion", "1.0"},
            {"id", idempotency_key(sender, revision)},
            {"source", "urn:sockdog:" + sender.host_id},
            {"type", "io.sockdog.incident." + std::string(to_string(revision.kind))},
            {"subject", revision.incident.id},
            {"time", format_rfc3339(revision.at)},
            {"datacontenttype", "application/json"},
            {"data", nlohmann::json::parse(*data)},
        });
    }

    [[nodiscard]] Message message(std::span<const OutboxItem> items, const Sending&) const override {
        const OutboxItem& item = items.front();
        auto event = parsed(item);
        event["id"] = item.idempotency_key;  // with `source` it names one event: a repeat is another
        return {.body = dump(event), .content_type = "application/cloudevents+json; charset=utf-8"};
    }
};

}  // namespace

std::unique_ptr<Format> cloudevents_format() {
    return std::make_unique<CloudEventsFormat>();
}

}  // namespace sockdog
