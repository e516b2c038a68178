#include "query/varlink_server.h"

namespace sockdog {

std::string_view relay_interface_description() {
    static constexpr std::string_view kText =
        R"(# sockdog-relay: what waits to be delivered, what was given up, and what is silenced.
# Times are RFC 3339 in UTC.
interface io.sockdog.Relay

type Alert (
  # Of this outbox; grows
  sequence: int,
  receiver: string,
  incident: string,
  revision: int,
  idempotency_key: string,
  # news, repeat or test
  kind: string,
  # waiting, held (by a silence, or because it flaps) or dead (given up)
  state: string,
  attempts: int,
  next_attempt: string,
  # What the last attempt came to, or why it is held
  last_error: string
)

type Receiver (
  name: string,
  type: string,
  delivered: int,
  failed_attempts: int,
  dead_letters: int,
  pending: int
)

type Silence (
  id: int,
  # Shell patterns; "" matches everything
  unit: string,
  class: string,
  from: string,
  until: string,
  by: string,
  comment: string
)

# connected: to the agent. dropped: to keep the outbox within its size.
method GetStatus() -> (
  connected: bool,
  cursor: int,
  unreadable: int,
  dropped: int,
  silenced: int,
  flapped: int,
  receivers: []Receiver
)

# Oldest first; dead ones newest first.
method ListAlerts(dead: ?bool, limit: ?int) -> (alerts: []Alert)

# root only: sends a marked test now, and says what the receiver answered.
# verdict: delivered, retry or rejected
method TestReceiver(receiver: string) -> (verdict: string, detail: string)

# root only: tries dead letters again; without a number all.
method RetryAlerts(sequence: ?int) -> (count: int)

# root only: removes dead letters; without a number all.
method DiscardAlerts(sequence: ?int) -> (count: int)

method ListSilences() -> (silences: []Silence)

# root only
method AddSilence(unit: ?string, class: ?string, until: string, comment: ?string) -> (id: int)

# root only
method EndSilence(id: int) -> ()

# There is no such receiver, or no such silence
error NotFound (reason: string)
error Failed (reason: string)
error ResourceExhausted (reason: string)
)";
    return kText;
}

}  // namespace sockdog
