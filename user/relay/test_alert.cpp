#include "relay/test_alert.h"

#include "relay/digest.h"

namespace sockdog {

Revision test_revision(RevisionKind kind, WallTime now) {
    Revision revision;
    revision.kind = kind;
    revision.at = now;
    Incident& incident = revision.incident;
    incident.id = "test";
    incident.key = "test";
    incident.policy = "test";
    incident.owner.comm = "TEST-of-sockdog-alerts";
    incident.owner.executable = "/usr/bin/TEST-of-sockdog-alerts";
    incident.first.leak_class = LeakClass::kUnused;
    incident.first.leaked = 0;
    incident.latest = incident.worst = incident.first;
    incident.opened_at = incident.updated_at = now;
    if (kind == RevisionKind::kResolved) {
        incident.resolved_at = now;
        incident.resolve_reason = "it was a test";
    }
    return revision;
}

Delivery send_test(Receiver& receiver, const Sender& sender) {
    const WallTime now = read_now().wall;
    Delivery delivery{Delivery::Verdict::kRejected, "it is told of nothing", std::nullopt};
    const std::string nonce = random_hex(8).value_or("test");
    for (const RevisionKind kind : {RevisionKind::kOpened, RevisionKind::kResolved}) {
        Revision revision = test_revision(kind, now);
        revision.number = kind == RevisionKind::kOpened ? 1 : 2;
        const auto body = receiver.render(revision);
        if (!body) continue;
        OutboxItem item;
        item.receiver = receiver.settings().name;
        item.incident = identity_of(revision.incident);
        item.revision = revision.number;
        item.idempotency_key = idempotency_key(sender, revision) + "-test-" + nonce;
        item.body = *body;
        item.kind = OutboxKind::kTest;
        delivery = receiver.deliver({&item, 1});
        if (delivery.verdict != Delivery::Verdict::kDelivered) break;
    }
    return delivery;
}

}  // namespace sockdog
