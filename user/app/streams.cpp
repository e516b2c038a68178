#include "app/streams.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "incident/json.h"
#include "query/views.h"

namespace sockdog {
namespace {

constexpr std::uint64_t kMaxChunk = 256;  // revisions a reply: some 4 KiB each, far below the reply limit

}  // namespace

RevisionStreams::Sent RevisionStreams::send(Follower& follower) {
    if (!follower.call.connected()) return Sent::kGone;
    const auto revisions = journal_.read_after(follower.after, follower.limit);
    const auto last = journal_.last_number();
    if (!revisions || !last) {
        follower.call.fail("StoreFailed",
                           {{"reason", (revisions ? last.error() : revisions.error()).message}});
        return Sent::kGone;
    }
    const nlohmann::json reply = {{"revisions", *revisions}, {"last", *last}};
    if (!follower.call.wants_more()) {
        follower.call.reply(reply);
        return Sent::kGone;
    }
    if (revisions->empty() && follower.greeted) return Sent::kNothingMore;
    follower.greeted = true;
    if (!revisions->empty()) follower.after = revisions->back().number;
    follower.call.reply_continues(reply);
    return revisions->size() == follower.limit ? Sent::kMore : Sent::kNothingMore;
}

void RevisionStreams::serve(Call call) {
    std::optional<std::uint64_t> after;
    std::optional<std::uint64_t> limit;
    if (!call.take("after", after) || !call.take("limit", limit)) return;
    Follower follower{std::move(call), after.value_or(0),
                      std::clamp<std::uint64_t>(limit.value_or(kMaxChunk), 1, kMaxChunk)};
    if (send(follower) != Sent::kGone) followers_.push_back(std::move(follower));
}

bool RevisionStreams::pump() {
    bool more = false;
    std::erase_if(followers_, [&](Follower& follower) {
        const Sent sent = send(follower);
        more = more || sent == Sent::kMore;
        return sent == Sent::kGone;
    });
    return more;
}

void TraceStreams::add(Call call, ProcessId process) {
    followers_.push_back({std::move(call), process});
    aim();
}

void TraceStreams::aim() {
    for (const ProcessId process : aimed_) books_.trace(process, false);
    aimed_.clear();
    for (const Follower& follower : followers_) {
        books_.trace(follower.process, true);
        aimed_.push_back(follower.process);
    }
}

bool TraceStreams::pump() {
    books_.drain_traces([&](const TraceEvent& event) {
        const nlohmann::json reply = {{"event", event}};
        for (Follower& follower : followers_)
            if (!follower.process.known() || follower.process == event.owner)
                follower.call.reply_continues(reply);
    });
    const auto before = followers_.size();
    std::erase_if(followers_, [](const Follower& follower) { return !follower.call.connected(); });
    if (followers_.size() != before) aim();
    return !followers_.empty();
}

}  // namespace sockdog
