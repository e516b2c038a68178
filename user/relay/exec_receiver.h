// The receiver "exec": a program of the operator's, the event on its standard input. It runs with the rights
// of sockdog-relay, which are few. deliver() on one thread.
//
//   exit status | verdict
//   0           | delivered
//   65          | rejected (EX_DATAERR of sysexits.h)
//   any other, a signal, longer than timeout | tried again
#pragma once

#include <sys/types.h>

#include "base/unique_fd.h"
#include "relay/receiver.h"

namespace sockdog {

class ExecReceiver : public Receiver {
  public:
    static Result<std::unique_ptr<Receiver>> create(const ReceiverSettings& settings, const Sender& sender);

    [[nodiscard]] std::optional<std::string> render(const Revision& revision) const override;
    Delivery deliver(std::span<const OutboxItem> items) override;
    void interrupt() override;
    [[nodiscard]] const ReceiverSettings& settings() const override { return settings_; }

  private:
    ExecReceiver(ReceiverSettings settings, Sender sender, UniqueFd stop)
        : settings_(std::move(settings)), sender_(std::move(sender)), stop_(std::move(stop)) {}

    ReceiverSettings settings_;
    Sender sender_;
    UniqueFd stop_;  // an eventfd, readable once interrupt() was called
};

}  // namespace sockdog
