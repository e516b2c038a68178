#include "relay/webhook.h"

#include <nlohmann/json.hpp>

#include "relay/digest.h"
#include "relay/format.h"

namespace sockdog {
namespace {

class WebhookFormat : public Format {
  public:
    [[nodiscard]] std::optional<std::string> render(const Revision& revision,
                                                    const Sender& sender) const override {
        return render_event(revision, sender);
    }
    [[nodiscard]] Message message(std::span<const OutboxItem> items, const Sending& sending) const override {
        const OutboxItem& item = items.front();
        Message message{.body = item.body};
        if (item.kind == OutboxKind::kRepeat) {
            auto body = parsed(item);
            body["repeat"] = true;
            body["idempotency_key"] = item.idempotency_key;
            message.body = dump(body);
        }
        message.headers = {"Idempotency-Key: " + item.idempotency_key};
        if (sending.secret.empty()) return message;
        const auto seconds = std::chrono::floor<std::chrono::seconds>(sending.now).time_since_epoch().count();
        message.headers.push_back("Sockdog-Signature: " +
                                  webhook_signature(sending.secret, seconds, message.body));
        return message;
    }
};

}  // namespace

std::string webhook_signature(const std::string& secret, std::int64_t unix_seconds, const std::string& body) {
    const std::string time = std::to_string(unix_seconds);
    return "t=" + time + ",v1=" + hmac_sha256_hex(secret, time + "." + body);
}

std::unique_ptr<Format> webhook_format() {
    return std::make_unique<WebhookFormat>();
}

}  // namespace sockdog
