// What the types of receivers need and take. Apart from what makes them: who reads the configuration needs no
// library that talks to the network.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "relay/receiver.h"

namespace sockdog {
namespace {

struct ReceiverType {
    std::string name;
    ReceiverUses uses;
};

const std::array<ReceiverType, 9>& types() {
    // A group_wait for those that people read: incidents of one cause open within seconds of each other.
    static const std::array<ReceiverType, 9> kTypes{{
        {"alertmanager", {{"url|url_file"}, {"ca_file", "credentials_file"}, 1min, 0s}},
        {"alertmanager-webhook", {{"url|url_file"}, {"ca_file", "credentials_file"}, 0s, 5s}},
        {"cloudevents", {{"url|url_file"}, {"ca_file", "credentials_file"}, 0s, 0s}},
        {"exec", {{"command"}, {}, 0s, 0s}},
        {"journal", {{}, {}, 0s, 0s}},
        {"nats", {{"url|url_file", "subject"}, {"ca_file", "credentials_file"}, 0s, 0s}},
        {"pagerduty", {{"url|url_file", "secret_file"}, {"ca_file"}, 0s, 0s}},
        {"slack", {{"url|url_file"}, {"ca_file"}, 0s, 5s}},
        {"webhook", {{"url|url_file"}, {"secret_file", "ca_file", "credentials_file"}, 0s, 0s}},
    }};
    return kTypes;
}

}  // namespace

bool has_credentials(std::string_view url) {
    // The authority ends at the path; what is before an @ in it are user and password (RFC 3986, 3.2.1).
    const auto parts = split(url, ',');
    return std::ranges::any_of(parts, [](const std::string& one) {
        const std::size_t scheme = one.find("://");
        const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
        return one.substr(begin, one.find_first_of("/?#", begin) - begin).find('@') != std::string::npos;
    });
}

std::vector<std::string> receiver_types() {
    std::vector<std::string> names;
    for (const ReceiverType& type : types()) names.push_back(type.name);
    return names;
}

const ReceiverUses* receiver_uses(const std::string& type) {
    const auto found = std::ranges::find(types(), type, &ReceiverType::name);
    return found == types().end() ? nullptr : &found->uses;
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
