// Revisions as an agent would journal them.
#pragma once

#include <string>

#include "incident/incident.h"
#include "relay/receiver.h"

namespace sockdog::test {

inline Revision make_revision(std::uint64_t number, const std::string& incident = "i1",
                              RevisionKind kind = RevisionKind::kOpened) {
    Revision revision;
    revision.number = number;
    revision.kind = kind;
    // A time of its own for each, and recent: the relay gives up on what is a week old.
    static const auto kBegin = read_now().wall;
    revision.at = kBegin + std::chrono::milliseconds(number);
    Incident& i = revision.incident;
    i.id = incident;
    i.key = "close_wait|exe:/usr/bin/leaker|127.0.0.1:8080|" + incident;
    i.policy = "default";
    i.owner.process = {4242, 77};
    i.owner.comm = "leaker";
    i.owner.executable = "/usr/bin/leaker";
    i.first.process = i.owner.process;
    i.first.leaked = 40;
    i.latest = i.worst = i.first;
    i.opened_at = kBegin;
    i.updated_at = revision.at;
    if (kind == RevisionKind::kResolved) i.resolved_at = revision.at;
    return revision;
}

/// One item alone.
inline Delivery deliver(Receiver& receiver, const OutboxItem& item) {
    return receiver.deliver({&item, 1});
}

}  // namespace sockdog::test
