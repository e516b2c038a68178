#include <algorithm>
#include <array>

#include "base/text.h"
#include "relay/exec_receiver.h"
#include "relay/format.h"
#include "relay/http_receiver.h"
#include "relay/journal_receiver.h"
#include "relay/nats_receiver.h"
#include "relay/receiver.h"

namespace sockdog {
namespace {

using Made = Result<std::unique_ptr<Receiver>>;

template <std::unique_ptr<Format> (*make_format)()>
Made over_http(const ReceiverSettings& settings, const Sender& sender) {
    return HttpReceiver::create(settings, sender, make_format());
}

struct ReceiverType {
    std::string name;
    Made (*create)(const ReceiverSettings&, const Sender&);
    ReceiverUses uses;
};

const std::array<ReceiverType, 9>& types() {
    // A group_wait for those that people read: incidents of one cause open within seconds of each other.
    static const std::array<ReceiverType, 9> kTypes{{
        {"alertmanager",
         over_http<alertmanager_format>,
         {{"url|url_file"}, {"ca_file", "credentials_file"}, 1min, 0s}},
        {"alertmanager-webhook",
         over_http<alertmanager_webhook_format>,
         {{"url|url_file"}, {"ca_file", "credentials_file"}, 0s, 5s}},
        {"cloudevents",
         over_http<cloudevents_format>,
         {{"url|url_file"}, {"ca_file", "credentials_file"}, 0s, 0s}},
        {"exec", &ExecReceiver::create, {{"command"}, {}, 0s, 0s}},
        {"journal", &JournalReceiver::create, {{}, {}, 0s, 0s}},
        {"nats", &NatsReceiver::create, {{"url", "subject"}, {"ca_file", "credentials_file"}, 0s, 0s}},
        {"pagerduty", over_http<pagerduty_format>, {{"url|url_file", "secret_file"}, {"ca_file"}, 0s, 0s}},
        {"slack", over_http<slack_format>, {{"url|url_file"}, {"ca_file"}, 0s, 5s}},
        {"webhook",
         over_http<webhook_format>,
         {{"url|url_file"}, {"secret_file", "ca_file", "credentials_file"}, 0s, 0s}},
    }};
    return kTypes;
}

const ReceiverType* find_type(const std::string& name) {
    const auto found = std::ranges::find(types(), name, &ReceiverType::name);
    return found == types().end() ? nullptr : &*found;
}

constexpr Duration kLongestBackoff = std::chrono::hours(24);

Status check_times(const ReceiverSettings& settings) {
    if (settings.timeout <= 0ns) return make_error("timeout must be above zero", EINVAL);
    if (settings.backoff_initial <= 0ns) return make_error("backoff_initial must be above zero", EINVAL);
    if (settings.backoff_max < settings.backoff_initial) {
        return make_error("backoff_max is shorter than backoff_initial", EINVAL);
    }
    if (settings.backoff_max > kLongestBackoff) return make_error("backoff_max is longer than a day", EINVAL);
    return Ok{};
}

Made create(const ReceiverSettings& settings, const Sender& sender) {
    if (auto times = check_times(settings); !times) return times.error();
    if (const ReceiverType* type = find_type(settings.type)) return type->create(settings, sender);
    const auto known = receiver_types();
    const auto meant = nearest(settings.type, known);
    std::string all;
    for (const std::string& name : known) all += (all.empty() ? "" : ", ") + name;
    return make_error("unknown type \"" + printable(settings.type) + "\"" +
                          (meant ? ", did you mean \"" + *meant + "\"?" : "; known: " + all),
                      EINVAL);
}

}  // namespace

Result<std::unique_ptr<Receiver>> make_receiver(const ReceiverSettings& settings, const Sender& sender) {
    if (settings.name.empty()) return make_error("a receiver needs a name", EINVAL);
    auto receiver = create(settings, sender);
    if (!receiver) return receiver.error().within("receiver \"" + printable(settings.name) + "\"");
    return receiver;
}

std::vector<std::string> receiver_types() {
    std::vector<std::string> names;
    for (const ReceiverType& type : types()) names.push_back(type.name);
    return names;
}

const ReceiverUses* receiver_uses(const std::string& type) {
    const ReceiverType* found = find_type(type);
    return found == nullptr ? nullptr : &found->uses;
}

Duration repeat_of(const ReceiverSettings& settings) {
    const ReceiverUses* uses = receiver_uses(settings.type);
    return settings.repeat.value_or(uses == nullptr ? Duration::zero() : uses->repeat);
}

Duration group_wait_of(const ReceiverSettings& settings) {
    const ReceiverUses* uses = receiver_uses(settings.type);
    return settings.group_wait.value_or(uses == nullptr ? Duration::zero() : uses->group_wait);
}

}  // namespace sockdog
