// A made-up incident that says that it is one, to see whether alerts arrive. Any thread.
#pragma once

#include "base/result.h"
#include "relay/receiver.h"

namespace sockdog {

/// Opened, or the end of the same.
Revision test_revision(RevisionKind kind, WallTime now);

/// An opening, and if that arrives, its end: nothing stays open at the receiver. The first that fails, else
/// the last. Blocks for two attempts at most.
Delivery send_test(Receiver& receiver, const Sender& sender);

}  // namespace sockdog
