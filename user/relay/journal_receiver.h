// The receiver "journal": an entry of systemd's journal with structured fields, for those who collect it.
// deliver() on one thread.
#pragma once

#include <atomic>

#include "relay/receiver.h"

namespace sockdog {

class JournalReceiver : public Receiver {
  public:
    static Result<std::unique_ptr<Receiver>> create(const ReceiverSettings& settings, const Sender& sender);

    [[nodiscard]] std::optional<std::string> render(const Revision& revision) const override;
    Delivery deliver(std::span<const OutboxItem> items) override;
    void interrupt() override { stop_ = true; }
    [[nodiscard]] const ReceiverSettings& settings() const override { return settings_; }

  private:
    JournalReceiver(ReceiverSettings settings, Sender sender)
        : settings_(std::move(settings)), sender_(std::move(sender)) {}

    ReceiverSettings settings_;
    Sender sender_;
    std::atomic<bool> stop_ = false;
};

/// "MESSAGE=...", "PRIORITY=4" and so on, of a rendered event.
std::vector<std::string> journal_fields(const OutboxItem& item);

}  // namespace sockdog
