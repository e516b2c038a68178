// One place that alerts go to. A new kind of receiver is one class and one line in make_receiver().
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "incident/incident.h"
#include "relay/sender.h"
#include "store/outbox.h"

namespace sockdog {

/// A receiver as configured.
struct ReceiverSettings {
    std::string name;
    std::string type = "webhook";
    std::string url;          // http:// or https://
    std::string secret_file;  // HMAC-SHA256 key, whole file less one trailing newline; empty: unsigned
    std::string ca_file;      // extra trust anchor, PEM; empty: the system's
    Duration timeout = 10s;   // of one attempt, connect included
    Duration backoff_initial = 1s;
    Duration backoff_max = 5min;
    Severity min_severity = Severity::kWarning;
};

/// What became of one attempt.
struct Delivery {
    enum class Verdict { kDelivered, kRetry, kRejected };
    Verdict verdict = Verdict::kDelivered;
    std::string detail;                   // HTTP status or curl's words, for log and outbox
    std::optional<Duration> retry_after;  // as the receiver asked
};

class Receiver {
  public:
    virtual ~Receiver() = default;
    /// The body to queue for a revision; nothing when this receiver is not told of it (a "grew" without
    /// news).
    [[nodiscard]] virtual std::optional<std::string> render(const Revision& revision) const = 0;
    /// One attempt, blocking at most Settings::timeout.
    virtual Delivery deliver(const OutboxItem& item) = 0;
    /// Makes the running and every later deliver() return at once, with kRetry. Any thread.
    virtual void interrupt() = 0;
    [[nodiscard]] virtual const ReceiverSettings& settings() const = 0;
};

/// Fails on an unreadable secret file, an unknown type or a bad URL, and says which. `sender` stands in what
/// is sent; without one the receiver serves to check its settings.
Result<std::unique_ptr<Receiver>> make_receiver(const ReceiverSettings& settings, const Sender& sender = {});

/// The types that make_receiver() knows, in alphabetical order.
std::vector<std::string> receiver_types();

}  // namespace sockdog
