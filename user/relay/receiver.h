// One place that alerts go to. A new kind of receiver is one class and one line in make_receiver().
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "incident/incident.h"
#include "relay/sender.h"
#include "store/outbox.h"

namespace sockdog {

/// Which incidents a receiver is told of: every pattern that is given must match, as fnmatch(3).
struct ReceiverMatch {
    std::string unit;  // as Owner::display_name() where there is no unit
    std::string leak_class;
    std::string policy;
    std::string container;  // id

    [[nodiscard]] bool matches(const Incident& incident) const;
};

/// A receiver as configured. Which of these a type uses, and which it needs, says receiver_uses().
struct ReceiverSettings {
    std::string name;
    std::string type = "webhook";
    std::string url;               // http:// or https://; of type nats nats:// or tls://, several with commas
    std::string url_file;          // the same in a file, for URLs that are secrets
    std::string secret_file;       // whole file less one trailing newline; empty: none
    std::string credentials_file;  // "user:password", basic authentication; of type nats a .creds file
    std::string ca_file;           // extra trust anchor, PEM; empty: the system's
    std::string subject;           // nats
    std::vector<std::string> command;  // exec
    Duration timeout = 10s;            // of one attempt, connect included
    Duration backoff_initial = 1s;
    Duration backoff_max = 5min;
    Severity min_severity = Severity::kWarning;
    ReceiverMatch match;
    bool send_resolved = true;
    std::optional<Duration> repeat;      // told again while it lasts; nothing: as the type does; 0: never
    std::optional<Duration> group_wait;  // alerts wait so long for others; nothing: as the type does
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
    /// One attempt for all `items`, each of another incident, at most most_at_once() and one at least;
    /// blocking at most Settings::timeout. The verdict is about all of them.
    virtual Delivery deliver(std::span<const OutboxItem> items) = 0;
    /// Makes the running and every later deliver() return at once, with kRetry. Any thread.
    virtual void interrupt() = 0;
    [[nodiscard]] virtual const ReceiverSettings& settings() const = 0;
    [[nodiscard]] virtual std::size_t most_at_once() const { return 1; }
    /// Least time between two attempts.
    [[nodiscard]] virtual Duration spacing() const { return Duration::zero(); }
};

/// Fails on an unreadable secret file, an unknown type or a bad URL, and says which. `sender` stands in what
/// is sent; without one the receiver serves to check its settings.
Result<std::unique_ptr<Receiver>> make_receiver(const ReceiverSettings& settings, const Sender& sender = {});

/// The types that make_receiver() knows, in alphabetical order.
std::vector<std::string> receiver_types();

/// Keys of the configuration that a type has a use for, beside those that all have.
struct ReceiverUses {
    std::vector<std::string> needs;  // "url|url_file": one of them
    std::vector<std::string> takes;
    Duration repeat{};      // default; 0: never
    Duration group_wait{};  // default
};
/// Whether a URL, or one of several with commas between, has a user or a password in it: then it is a secret.
[[nodiscard]] bool has_credentials(std::string_view url);

/// Null: no such type.
const ReceiverUses* receiver_uses(const std::string& type);

[[nodiscard]] Duration repeat_of(const ReceiverSettings& settings);
[[nodiscard]] Duration group_wait_of(const ReceiverSettings& settings);

}  // namespace sockdog
