#include <map>

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

using Create = Made (*)(const ReceiverSettings&, const Sender&);

/// Of the types that receiver_types() names; a test holds them against each other.
Create find_create(const std::string& type) {
    static const std::map<std::string, Create> kCreate{
        {"alertmanager", over_http<alertmanager_format>},
        {"alertmanager-webhook", over_http<alertmanager_webhook_format>},
        {"cloudevents", over_http<cloudevents_format>},
        {"exec", &ExecReceiver::create},
        {"journal", &JournalReceiver::create},
        {"nats", &NatsReceiver::create},
        {"pagerduty", over_http<pagerduty_format>},
        {"slack", over_http<slack_format>},
        {"webhook", over_http<webhook_format>},
    };
    const auto found = kCreate.find(type);
    return found == kCreate.end() ? nullptr : found->second;
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
    if (has_credentials(settings.url))
        return make_error(
            "url has a user or password in it; put the whole URL into a file and name that in url_file",
            EINVAL);
    if (const Create create = find_create(settings.type); create != nullptr) return create(settings, sender);
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

}  // namespace sockdog
