#include "relay/roster.h"

#include <algorithm>

#include "base/text.h"
#include "relay/severity.h"

namespace sockdog {
namespace {

Standing standing_of(const Revision& revision) {
    switch (revision.kind) {
        case RevisionKind::kResolved:
            return Standing::kOver;
        case RevisionKind::kRemedied:  // it is not the story that a repeat should tell
            return Standing::kNone;
        default:
            return revision.incident.open() ? Standing::kOpen : Standing::kNone;
    }
}

}  // namespace

Result<std::shared_ptr<const Roster>> Roster::create(const std::vector<ReceiverSettings>& receivers,
                                                     std::map<std::string, std::vector<std::string>> routes,
                                                     const Sender& sender) {
    auto roster = std::make_shared<Roster>();
    std::string complaints;
    const auto complain = [&](const std::string& text) {
        complaints += (complaints.empty() ? "" : "\n") + text;
    };

    std::set<std::string> names;
    for (const ReceiverSettings& settings : receivers) {
        if (!names.insert(settings.name).second) {
            complain("receiver \"" + printable(settings.name) + "\" is there twice");
            continue;
        }
        auto receiver = make_receiver(settings, sender);
        if (receiver) {
            roster->receivers_.push_back(std::move(receiver).value());
        } else {
            complain(receiver.error().message);
        }
    }
    for (const auto& [policy, targets] : routes) {
        for (const std::string& target : targets) {
            if (names.contains(target)) continue;
            complain("policy \"" + printable(policy) + "\" alerts an unknown receiver \"" +
                     printable(target) + "\"");
        }
    }
    if (!complaints.empty()) return make_error(std::move(complaints), EINVAL);
    roster->routes_ = std::move(routes);
    roster->sender_ = sender;
    return std::shared_ptr<const Roster>(std::move(roster));
}

bool Roster::is_told(const ReceiverSettings& receiver, const Revision& revision) const {
    // Who was told of the beginning, wherever the routes lead by now: the outbox knows who that was.
    if (revision.kind == RevisionKind::kResolved) return true;
    if (severity_of(revision) < receiver.min_severity) return false;
    if (!receiver.match.matches(revision.incident)) return false;
    const auto route = routes_.find(revision.incident.policy);
    if (route == routes_.end()) return true;
    return std::find(route->second.begin(), route->second.end(), receiver.name) != route->second.end();
}

std::vector<OutboxItem> Roster::address(const Revision& revision, WallTime now) const {
    std::vector<OutboxItem> items;
    for (const auto& receiver : receivers_) {
        if (!is_told(receiver->settings(), revision)) continue;
        const bool unsent = revision.kind == RevisionKind::kResolved && !receiver->settings().send_resolved;
        auto body = unsent ? std::string() : receiver->render(revision);
        if (!body) continue;
        OutboxItem item;
        item.receiver = receiver->settings().name;
        item.incident = identity_of(revision.incident);
        item.revision = revision.number;
        item.idempotency_key = idempotency_key(sender_, revision);
        item.body = std::move(*body);
        item.standing = standing_of(revision);
        const Duration wait = group_wait_of(receiver->settings());
        if (wait > Duration::zero())
            item.next_attempt = std::chrono::ceil<std::chrono::milliseconds>(now + wait);
        items.push_back(std::move(item));
    }
    return items;
}

std::set<std::string> Roster::names() const {
    std::set<std::string> names;
    for (const auto& receiver : receivers_) names.insert(receiver->settings().name);
    return names;
}

}  // namespace sockdog
