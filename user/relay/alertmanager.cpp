// The receiver "alertmanager": POST /api/v2/alerts of Alertmanager's API v2, which forgets what is not told
// again. Each is sent with the time at which it ends by itself, four repeats ahead, as Prometheus does.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "incident/json.h"
#include "relay/format.h"
#include "relay/severity.h"

namespace sockdog {
namespace {

constexpr int kRepeatsMissed = 4;
constexpr Duration kRepeatIfNone = 1min;
constexpr std::size_t kAnnotationBytes = 4096;

class AlertmanagerFormat : public Format {
  public:
    [[nodiscard]] std::optional<std::string> render(const Revision& revision,
                                                    const Sender& sender) const override {
        const Incident& incident = revision.incident;
        // The verdict on a remedy may come after the end; it must not open the alert again.
        if (!incident.open() && revision.kind != RevisionKind::kResolved) return std::nullopt;
        nlohmann::json alert = {
            {"labels", labels_of(incident, sender)},
            {"annotations",
             {{"summary", json_safe(shortened(summary(incident), kAnnotationBytes))},
              {"event", json_safe(shortened(headline(revision), kAnnotationBytes))},
              {"leaked", std::to_string(incident.latest.leaked)}}},
            {"startsAt", format_rfc3339(incident.opened_at)},
        };
        const Severity severity = severity_of(revision);
        alert["labels"]["severity"] = to_string(severity);
        if (incident.resolved_at) alert["endsAt"] = format_rfc3339(*incident.resolved_at);
        auto alerts = nlohmann::json::array({alert});
        if (severity == Severity::kCritical) {
            // Other labels are another alert: the warning that it may have been is over.
            alert["labels"]["severity"] = to_string(Severity::kWarning);
            alert["endsAt"] = format_rfc3339(revision.at);
            alerts.push_back(std::move(alert));
        }
        return dump({{"alerts", std::move(alerts)}});
    }

    [[nodiscard]] Message message(std::span<const OutboxItem> items, const Sending& sending) const override {
        const Duration repeat = sending.repeat > Duration::zero() ? sending.repeat : kRepeatIfNone;
        const auto later =
            std::chrono::ceil<std::chrono::milliseconds>(sending.now + kRepeatsMissed * repeat);
        auto alerts = nlohmann::json::array();
        for (const OutboxItem& item : items) {
            auto body = parsed(item);
            for (auto& alert : body["alerts"]) {
                if (!alert.contains("endsAt")) alert["endsAt"] = format_rfc3339(later);
                alerts.push_back(std::move(alert));
            }
        }
        return {.body = dump(alerts)};
    }
    [[nodiscard]] std::size_t most_at_once() const override { return 64; }
    [[nodiscard]] std::string default_path() const override { return "/api/v2/alerts"; }
};

/// Version "4" of what Alertmanager posts to webhook receivers.
class AlertmanagerWebhookFormat : public Format {
  public:
    [[nodiscard]] std::optional<std::string> render(const Revision& revision,
                                                    const Sender& sender) const override {
        const auto alert = AlertmanagerFormat().render(revision, sender);
        if (!alert) return std::nullopt;
        auto body = nlohmann::json::parse(*alert)["alerts"][0];
        const bool open = revision.incident.open();
        body["status"] = open ? "firing" : "resolved";
        if (open) body["endsAt"] = "0001-01-01T00:00:00Z";  // Go's zero time, as Alertmanager has it
        body["generatorURL"] = "";
        body["fingerprint"] = fingerprint(incident_reference(revision.incident, sender));
        return dump(body);
    }

    [[nodiscard]] Message message(std::span<const OutboxItem> items, const Sending&) const override {
        auto alerts = nlohmann::json::array();
        for (const OutboxItem& item : items) alerts.push_back(parsed(item));
        bool firing = false;
        for (const auto& alert : alerts) firing = firing || alert.value("status", "") == "firing";
        const auto host = alerts.front().value("/labels/host"_json_pointer, std::string());
        return {.body = dump({
                    {"version", "4"},
                    {"groupKey", "{}:{host=\"" + host + "\"}"},
                    {"truncatedAlerts", 0},
                    {"status", firing ? "firing" : "resolved"},
                    {"receiver", items.front().receiver},
                    {"groupLabels", {{"host", host}}},
                    {"commonLabels", common(alerts, "labels")},
                    {"commonAnnotations", common(alerts, "annotations")},
                    {"externalURL", ""},
                    {"alerts", alerts},
                })};
    }
    [[nodiscard]] std::size_t most_at_once() const override { return 64; }

  private:
    /// FNV-1a, 64 bits, as Prometheus' model fingerprints labels.
    static std::string fingerprint(const std::string& text) {
        std::uint64_t hash = 14695981039346656037ULL;
        for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
        return hex_of(hash);
    }
    /// What all alerts have alike.
    static nlohmann::json common(const nlohmann::json& alerts, const char* which) {
        auto shared = alerts.front().value(which, nlohmann::json::object());
        for (const auto& alert : alerts) {
            const auto other = alert.value(which, nlohmann::json::object());
            for (auto it = shared.begin(); it != shared.end();)
                it = other.value(it.key(), nlohmann::json()) == it.value() ? std::next(it) : shared.erase(it);
        }
        return shared;
    }
};

}  // namespace

std::unique_ptr<Format> alertmanager_format() {
    return std::make_unique<AlertmanagerFormat>();
}

std::unique_ptr<Format> alertmanager_webhook_format() {
    return std::make_unique<AlertmanagerWebhookFormat>();
}

}  // namespace sockdog
