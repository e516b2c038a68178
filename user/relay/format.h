// What one type of HTTP receiver is sent: bodies that wait in the outbox, and the request made of them. Pure
// functions of their arguments; any thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/time.h"
#include "incident/incident.h"
#include "relay/sender.h"
#include "store/outbox.h"

namespace sockdog {

struct ReceiverSettings;

/// What a request is made with, beside its items.
struct Sending {
    WallTime now;
    std::string secret;  // of secret_file
    Duration repeat{};   // how often what lasts is told again; 0: never
};

struct Message {
    std::string body;
    std::string content_type = "application/json";
    std::vector<std::string> headers = {};  // further ones, "Name: value"
};

class Format {
  public:
    virtual ~Format() = default;
    [[nodiscard]] virtual std::optional<std::string> render(const Revision& revision,
                                                            const Sender& sender) const = 0;
    [[nodiscard]] virtual Message message(std::span<const OutboxItem> items,
                                          const Sending& sending) const = 0;
    [[nodiscard]] virtual std::size_t most_at_once() const { return 1; }
    [[nodiscard]] virtual Duration spacing() const { return Duration::zero(); }
    /// Appended to the url where that has no path of its own: "/api/v2/alerts".
    [[nodiscard]] virtual std::string default_path() const { return ""; }
};

/// JSON text whatever bytes slipped in: an alert with a scar is better than none.
std::string dump(const nlohmann::json& json);
/// What was rendered, or an empty object where the outbox's file was changed by hand.
nlohmann::json parsed(const OutboxItem& item);
/// Labels that stay the same while an incident lasts: alertname, host, host_id, class, unit or executable,
/// endpoint, policy, incident. Values are valid UTF-8.
nlohmann::json labels_of(const Incident& incident, const Sender& sender);
/// "HOST/i42": the same for all revisions of an incident, on no other host.
std::string incident_reference(const Incident& incident, const Sender& sender);
/// At most `bytes` of `text`, never in the middle of a character; what was cut shows as "...".
std::string shortened(std::string_view text, std::size_t bytes);

std::unique_ptr<Format> webhook_format();
std::unique_ptr<Format> alertmanager_format();
std::unique_ptr<Format> alertmanager_webhook_format();
std::unique_ptr<Format> pagerduty_format();
std::unique_ptr<Format> slack_format();
std::unique_ptr<Format> cloudevents_format();

/// The webhook's body; nats and exec receivers get it, too.
std::optional<std::string> render_event(const Revision& revision, const Sender& sender);

}  // namespace sockdog
