// The receiver "nats": one JetStream publish an event, acknowledged by the stream. Nats-Msg-Id is the
// idempotency key, so that a repeat within the stream's duplicate window is kept once. A connection for each
// attempt: an idle one would be a socket of ours that somebody else closes. deliver() on one thread; while it
// connects, which takes 5 s at most, interrupt() has to wait.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "relay/receiver.h"

namespace sockdog {

class NatsReceiver : public Receiver {
  public:
    static Result<std::unique_ptr<Receiver>> create(const ReceiverSettings& settings, const Sender& sender);
    ~NatsReceiver() override;

    [[nodiscard]] std::optional<std::string> render(const Revision& revision) const override;
    Delivery deliver(std::span<const OutboxItem> items) override;
    void interrupt() override;
    [[nodiscard]] const ReceiverSettings& settings() const override { return settings_; }
    [[nodiscard]] std::size_t most_at_once() const override { return 64; }

  private:
    struct Impl;
    NatsReceiver(ReceiverSettings settings, Sender sender);

    ReceiverSettings settings_;
    Sender sender_;
    std::unique_ptr<Impl> impl_;
};

/// `subject` with {host}, {host_id}, {class}, {event} and {unit} filled in, each as one token: what NATS
/// gives a meaning (. * > and space) becomes _.
std::string nats_subject(const std::string& subject, const std::string& body);
/// Tokens of letters, digits, - _ $ and the five names above, with dots between.
Status check_nats_subject(const std::string& subject);

}  // namespace sockdog
