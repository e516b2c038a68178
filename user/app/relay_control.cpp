#include "app/relay_control.h"

#include <pwd.h>
#include <sys/eventfd.h>

#include <array>

#include "base/text.h"
#include "incident/json.h"

namespace sockdog {
namespace {

using nlohmann::json;

constexpr std::size_t kMostListed = 1000;
constexpr std::size_t kMostTests = 4;
constexpr Duration kLongestSilence = std::chrono::hours(24 * 366);
constexpr std::size_t kCommentBytes = 1024;

std::string_view name_of(OutboxKind kind) {
    switch (kind) {
        case OutboxKind::kNews:
            return "news";
        case OutboxKind::kRepeat:
            return "repeat";
        case OutboxKind::kTest:
            return "test";
    }
    return "";
}

json view_of(const OutboxItem& item, std::string_view state) {
    return {{"sequence", item.sequence},
            {"receiver", item.receiver},
            {"incident", id_of_identity(item.incident)},
            {"revision", item.revision},
            {"idempotency_key", item.idempotency_key},
            {"kind", name_of(item.kind)},
            {"state", state},
            {"attempts", item.attempts},
            {"next_attempt", format_rfc3339(item.next_attempt)},
            {"last_error", json_safe(item.last_error)}};
}

void fail(Call& call, const Error& error) {
    call.fail(error.code == ENOENT ? "NotFound" : "Failed", {{"reason", json_safe(error.message)}});
}

std::string user_name(uid_t uid) {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4096> buffer{};
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
        return json_safe(found->pw_name);
    return std::to_string(uid);
}

json status_of(const RelayStats& stats) {
    return {{"connected", stats.connected}, {"cursor", stats.cursor},     {"unreadable", stats.unreadable},
            {"dropped", stats.dropped},     {"silenced", stats.silenced}, {"flapped", stats.flapped},
            {"receivers", stats.receivers}};
}

}  // namespace

RelayControl::RelayControl(EventLoop& loop, Dispatcher& dispatcher)
    : dispatcher_(dispatcher),
      tested_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      server_(loop.get(), SOCKDOG_VERSION, kMaxQueuedBytes, kRelay) {}

Result<std::unique_ptr<RelayControl>> RelayControl::open(EventLoop& loop, Dispatcher& dispatcher,
                                                         Place place) {
    std::unique_ptr<RelayControl> control(new RelayControl(loop, dispatcher));
    if (!control->tested_) return Error::from_errno("eventfd");
    const auto finish = [self = control.get()] { self->finish_tests(); };
    if (auto listening = loop.on_readable(control->tested_.get(), finish); !listening)
        return listening.error();
    control->register_all();
    auto listening = place.passed ? control->server_.adopt(std::move(place.passed))
                                  : control->server_.listen(place.socket, place.group);
    if (!listening) return listening.error();
    return control;
}

void RelayControl::register_all() {
    server_.handle("GetStatus", Access::kRead,
                   [this](Call call) { call.reply(status_of(dispatcher_.stats())); });
    server_.handle("ListAlerts", Access::kRead, [this](Call call) { list_alerts(std::move(call)); });
    server_.handle("TestReceiver", Access::kAct, [this](Call call) { test_receiver(std::move(call)); });
    server_.handle("RetryAlerts", Access::kAct, [this](Call call) { change_dead(std::move(call), true); });
    server_.handle("DiscardAlerts", Access::kAct, [this](Call call) { change_dead(std::move(call), false); });
    server_.handle("ListSilences", Access::kRead, [this](Call call) { list_silences(std::move(call)); });
    server_.handle("AddSilence", Access::kAct, [this](Call call) { add_silence(std::move(call)); });
    server_.handle("EndSilence", Access::kAct, [this](Call call) { end_silence(std::move(call)); });
}

void RelayControl::list_alerts(Call call) {
    std::optional<bool> dead;
    std::optional<std::uint64_t> limit;
    if (!call.take("dead", dead) || !call.take("limit", limit)) return;
    const std::size_t most = std::min<std::uint64_t>(limit.value_or(kMostListed), kMostListed);
    const auto items =
        dead.value_or(false) ? dispatcher_.outbox().dead_letters(most) : dispatcher_.outbox().waiting(most);
    if (!items) return fail(call, items.error());
    json alerts = json::array();
    for (const OutboxItem& item : *items)
        alerts.push_back(view_of(item, dead.value_or(false) ? "dead" : item.held ? "held" : "waiting"));
    call.reply({{"alerts", std::move(alerts)}});
}

void RelayControl::change_dead(Call call, bool retry) {
    std::optional<std::uint64_t> sequence;
    if (!call.take("sequence", sequence)) return;
    const auto count = retry ? dispatcher_.revive(sequence) : dispatcher_.outbox().discard(sequence);
    if (!count) return fail(call, count.error());
    if (*count == 0 && sequence)
        return fail(call, make_error("there is no dead letter " + std::to_string(*sequence), ENOENT));
    call.reply({{"count", *count}});
}

void RelayControl::test_receiver(Call call) {
    std::optional<std::string> receiver;
    if (!call.take("receiver", receiver)) return;
    if (!receiver) return call.fail("InvalidParameter", {{"parameter", "receiver"}});
    if (tests_.size() >= kMostTests)
        return call.fail("ResourceExhausted", {{"reason", "four tests run already"}});
    auto run = [this, name = *receiver] {
        auto outcome = dispatcher_.test(name);
        ::eventfd_write(tested_.get(), 1);
        return outcome;
    };
    tests_.push_back({std::async(std::launch::async, std::move(run)), std::move(call)});
}

void RelayControl::finish_tests() {
    eventfd_t ignored = 0;
    ::eventfd_read(tested_.get(), &ignored);
    for (auto test = tests_.begin(); test != tests_.end();) {
        // It is about to end where it wrote already: this waits for the last of its steps only.
        if (test->outcome.wait_for(100ms) != std::future_status::ready) {
            ++test;
            continue;
        }
        const auto outcome = test->outcome.get();
        if (!outcome) {
            fail(test->call, outcome.error());
        } else {
            using enum Delivery::Verdict;
            const Delivery::Verdict verdict = outcome->verdict;
            test->call.reply({{"verdict", verdict == kDelivered ? "delivered"
                                          : verdict == kRetry   ? "retry"
                                                                : "rejected"},
                              {"detail", json_safe(outcome->detail)}});
        }
        test = tests_.erase(test);
    }
}

void RelayControl::list_silences(Call call) {
    const auto silences = dispatcher_.outbox().silences(read_now().wall);
    if (!silences) return fail(call, silences.error());
    call.reply({{"silences", *silences}});
}

void RelayControl::add_silence(Call call) {
    std::optional<std::string> unit;
    std::optional<std::string> leak_class;
    std::optional<std::string> until;
    std::optional<std::string> comment;
    if (!call.take("unit", unit) || !call.take("class", leak_class) || !call.take("until", until) ||
        !call.take("comment", comment))
        return;
    const WallTime now = read_now().wall;
    const WallTime end = parse_rfc3339(until.value_or(""));
    if (end <= now || end > now + kLongestSilence)
        return call.fail("InvalidParameter", {{"parameter", "until"}});
    if (!unit && !leak_class) return call.fail("InvalidParameter", {{"parameter", "unit"}});
    const Silence silence{.unit = unit.value_or(""),
                          .leak_class = leak_class.value_or(""),
                          .from = now,
                          .until = end,
                          .by = user_name(call.peer().uid),
                          .comment = comment.value_or("").substr(0, kCommentBytes)};
    const auto id = dispatcher_.outbox().add_silence(silence);
    if (!id) return fail(call, id.error());
    call.reply({{"id", *id}});
}

void RelayControl::end_silence(Call call) {
    std::optional<std::uint64_t> id;
    if (!call.take("id", id)) return;
    if (!id) return call.fail("InvalidParameter", {{"parameter", "id"}});
    if (auto ended = dispatcher_.end_silence(*id); !ended) return fail(call, ended.error());
    call.reply(json::object());
}

}  // namespace sockdog
