// The receiver "webhook": one POST of JSON a revision, signed where a secret is set. docs/webhooks.md is its
// contract with the other side. deliver() on one thread.
#pragma once

#include "relay/http_client.h"
#include "relay/receiver.h"

namespace sockdog {

class Webhook : public Receiver {
  public:
    static Result<std::unique_ptr<Receiver>> create(const ReceiverSettings& settings, const Sender& sender);

    [[nodiscard]] std::optional<std::string> render(const Revision& revision) const override;
    Delivery deliver(const OutboxItem& item) override;
    void interrupt() override { http_->interrupt(); }
    [[nodiscard]] const ReceiverSettings& settings() const override { return settings_; }

  private:
    Webhook(ReceiverSettings settings, Sender sender, std::string secret, std::unique_ptr<HttpClient> http)
        : settings_(std::move(settings)),
          sender_(std::move(sender)),
          secret_(std::move(secret)),
          http_(std::move(http)) {}

    ReceiverSettings settings_;
    Sender sender_;
    std::string secret_;  // empty: unsigned
    std::unique_ptr<HttpClient> http_;
};

/// "t=UNIX_SECONDS,v1=HEX": the HMAC-SHA256 of "UNIX_SECONDS.BODY". The time is signed so that a receiver can
/// refuse replays.
std::string webhook_signature(const std::string& secret, std::int64_t unix_seconds, const std::string& body);

/// What an attempt came to, in words for log and outbox.
Delivery judge(const HttpAnswer& answer);

}  // namespace sockdog
