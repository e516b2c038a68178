// Receivers that are told by one HTTP POST: what is sent is up to a Format. deliver() on one thread.
#pragma once

#include <memory>

#include "relay/format.h"
#include "relay/http_client.h"
#include "relay/receiver.h"

namespace sockdog {

class HttpReceiver : public Receiver {
  public:
    static Result<std::unique_ptr<Receiver>> create(const ReceiverSettings& settings, const Sender& sender,
                                                    std::unique_ptr<Format> format);

    [[nodiscard]] std::optional<std::string> render(const Revision& revision) const override {
        return format_->render(revision, sender_);
    }
    Delivery deliver(std::span<const OutboxItem> items) override;
    void interrupt() override { http_->interrupt(); }
    [[nodiscard]] const ReceiverSettings& settings() const override { return settings_; }
    [[nodiscard]] std::size_t most_at_once() const override { return format_->most_at_once(); }
    [[nodiscard]] Duration spacing() const override { return format_->spacing(); }

  private:
    HttpReceiver(ReceiverSettings settings, Sender sender, std::unique_ptr<Format> format)
        : settings_(std::move(settings)), sender_(std::move(sender)), format_(std::move(format)) {}
    Status read_files();

    ReceiverSettings settings_;
    Sender sender_;
    std::unique_ptr<Format> format_;
    std::unique_ptr<HttpClient> http_;
    std::string url_;
    std::string secret_;       // empty: none
    std::string credentials_;  // "user:password"; empty: none
};

/// What an attempt came to, in words for log and outbox.
Delivery judge(const HttpAnswer& answer);

}  // namespace sockdog
