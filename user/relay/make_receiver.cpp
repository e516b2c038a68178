#include <array>

#include "base/text.h"
#include "relay/receiver.h"
#include "relay/webhook.h"

namespace sockdog {
namespace {

struct ReceiverType {
    std::string_view name;
    Result<std::unique_ptr<Receiver>> (*create)(const ReceiverSettings&, const Sender&);
};

constexpr std::array kTypes = {
    ReceiverType{"webhook", &Webhook::create},
};

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

Result<std::unique_ptr<Receiver>> create(const ReceiverSettings& settings, const Sender& sender) {
    if (auto times = check_times(settings); !times) return times.error();
    for (const ReceiverType& type : kTypes) {
        if (type.name == settings.type) return type.create(settings, sender);
    }
    const auto known = receiver_types();
    const auto meant = nearest(settings.type, known);
    return make_error("unknown type \"" + printable(settings.type) + "\"" +
                          (meant ? ", did you mean \"" + *meant + "\"?" : "; known: " + known.front()),
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
    names.reserve(kTypes.size());
    for (const ReceiverType& type : kTypes) names.emplace_back(type.name);
    return names;
}

}  // namespace sockdog
