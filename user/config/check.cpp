#include "config/check.h"

#include <algorithm>

#include "base/text.h"
#include "config/scalars.h"

namespace sockdog {
namespace {

// History of every suspect is kept for all windows in memory; a day of it at a tick of 5 s is some megabytes
// a process.
constexpr Duration kLongestHistory = 24h;

void check_growth_at(Reader& reader, const std::string& prefix, const IdleGrowthLimits& limits,
                     Duration tick) {
    const auto window = reader.where(prefix + "window");
    const auto windows = reader.where(prefix + "windows");
    const auto ticked = prefix.starts_with("defaults.") ? reader.where("tick") : std::nullopt;
    if (const auto place = window ? window : ticked; place && limits.window < tick) {
        reader.complain(*place, "idle_growth.window (" + format_duration(limits.window) +
                                    ") is shorter than tick (" + format_duration(tick) +
                                    "); allowed is a window of at least one tick");
    }
    if (const auto place = windows ? windows : window;
        place && limits.window * limits.windows > kLongestHistory) {
        reader.complain(*place, "idle_growth: " + std::to_string(limits.windows) + " windows of " +
                                    format_duration(limits.window) +
                                    " are more than a day; allowed is windows x window up to 1d");
    }
}

void check_match(Reader& reader, const Value& value) {
    if (reader.any_below("match")) return;
    reader.complain(
        reader.where("match").value_or(value.place),
        "the policy has no match; allowed is at least one of unit, executable, command_line, uid, "
        "cgroup or container (all processes: executable: \"*\")");
}

void check_command(Reader& reader, const RemedyPolicy& remedy) {
    const auto first = reader.where("remedy.command.1");
    const auto action = reader.where("remedy.action");
    if (remedy.action == RemedyAction::kCommand && action && !first) {
        reader.complain(*action,
                        "action is \"command\" without a command; allowed is a list of arguments in "
                        "remedy.command, as [/usr/bin/monit, restart, web]");
    }
    // Nothing looks along PATH, which is the service manager's and not the operator's.
    if (first && !remedy.command.empty() && !remedy.command[0].empty() &&
        !is_absolute_path(remedy.command[0])) {
        reader.complain(*first, "the command " + shown(remedy.command[0]) +
                                    " is no absolute path; allowed is a program as /usr/bin/monit");
    }
}

void check_alerts(Reader& reader, const Policy& policy, const std::set<std::string>& receivers) {
    if (!policy.alerts) return;
    for (std::size_t i = 0; i < policy.alerts->size(); ++i) {
        const auto& name = (*policy.alerts)[i];
        const auto place = reader.where("alerts." + std::to_string(i + 1));
        if (name.empty() || !place || receivers.contains(name)) continue;
        const std::vector<std::string> known(receivers.begin(), receivers.end());
        std::string text = "unknown receiver " + shown(name) + "; ";
        text += known.empty() ? "there are no receivers" : "allowed is " + listed(known);
        if (const auto near = nearest(name, known)) text += "; did you mean \"" + *near + "\"?";
        reader.complain(*place, std::move(text));
    }
}

void check_name(Reader& reader, const Value& value, const std::string& what) {
    if (reader.where("name")) return;
    reader.complain(value.place, "the " + what + " has no name; allowed is " + kNameExpected);
}

/// What the type needs, and what it has no use for.
void check_uses(Reader& reader, const Value& value, const ReceiverSettings& receiver) {
    const ReceiverUses* uses = receiver_uses(receiver.type);
    if (uses == nullptr) return;  // complained about
    const auto given = [&](const std::string& key) {
        return key == "command" ? reader.where("command.1") : reader.where(key);
    };
    std::vector<std::string> known = uses->takes;
    for (const std::string& need : uses->needs) {
        const auto choices = split(need, '|');
        known.insert(known.end(), choices.begin(), choices.end());
        if (std::ranges::any_of(choices, [&](const std::string& key) { return given(key).has_value(); }))
            continue;
        reader.complain(value.place, "the receiver has no " + choices.front() + "; type " + receiver.type +
                                         " needs " + (choices.size() > 1 ? "url or url_file" : need));
    }
    for (const char* key :
         {"url", "url_file", "secret_file", "credentials_file", "ca_file", "subject", "command"}) {
        const auto place = given(key);
        if (!place || std::ranges::find(known, key) != known.end()) continue;
        reader.complain(*place, std::string("type ") + receiver.type + " has no use for " + key +
                                    (known.empty() ? "" : "; it takes " + listed(known)));
    }
    if (given("url") && given("url_file") && !receiver.url_file.empty())
        reader.complain(*given("url_file"), "url and url_file are both given; allowed is one of them");
    if (given("command") && !is_absolute_path(receiver.command.front()))
        reader.complain(*given("command"),
                        "the command " + shown(receiver.command.front()) +
                            " is no absolute path; allowed is a program as /usr/bin/logger");
}

void check_url_of(Reader& reader, const ReceiverSettings& receiver) {
    const auto place = reader.where("url");
    if (!place || receiver.url.empty()) return;
    if (has_credentials(receiver.url)) {  // and are not to be shown
        reader.complain(
            *place,
            "url has a user or password in it, and this file may be read by many; allowed is a URL "
            "without; put the whole URL into a file of its own and name that in url_file");
        return;
    }
    const bool nats = receiver.type == "nats";
    const bool good = nats ? receiver.url.starts_with("nats://") || receiver.url.starts_with("tls://")
                           : is_web_url(receiver.url);
    if (good) return;
    reader.complain(*place, "url is " + shown(receiver.url) + "; allowed is a URL with " +
                                (nats ? "nats:// or tls://" : "http:// or https://") + " and a host");
}

}  // namespace

void check_policy(Reader& reader, const Value& value, const Policy& policy,
                  const std::set<std::string>& receivers) {
    check_name(reader, value, "policy");
    if (policy.name == "default") {
        reader.complain(*reader.where("name"),
                        "a policy cannot be named \"default\", which stands for "
                        "processes without a policy; allowed is any other name");
    }
    check_match(reader, value);
    check_command(reader, policy.remedy);
    check_alerts(reader, policy, receivers);
}

void check_receiver(Reader& reader, const Value& value, const ReceiverSettings& receiver) {
    check_name(reader, value, "receiver");
    check_uses(reader, value, receiver);
    check_url_of(reader, receiver);
    const auto highest = reader.where("backoff_max");
    const auto place = highest ? highest : reader.where("backoff_initial");
    if (place && receiver.backoff_initial > receiver.backoff_max) {
        reader.complain(*place, "backoff_max (" + format_duration(receiver.backoff_max) +
                                    ") is shorter than backoff_initial (" +
                                    format_duration(receiver.backoff_initial) +
                                    "); allowed is at least backoff_initial");
    }
}

void check_config(Reader& reader, const Config& config) {
    const MonitSettings& monit = config.remedies.monit;
    if (const auto place = reader.where("remedies.monit.credentials_file");
        place && !monit.credentials_file.empty() && is_world_readable(monit.credentials_file)) {
        reader.complain(*place, "everybody may read the credentials_file " + shown(monit.credentials_file) +
                                    "; allowed is a file that only root can read (chmod 0600)");
    }
    if (const auto unsafe = unsafe_because(config.web)) {
        for (const char* key : {"relay.web.listen", "relay.web.tls_certificate", "relay.web.tls_key"}) {
            const auto place = reader.where(key);
            if (!place) continue;
            reader.complain(*place, *unsafe);
            break;
        }
    }
    check_growth_at(reader, "defaults.idle_growth.", config.defaults.limits.idle_growth, config.tick);
}

void check_growth(Reader& reader, const Policy& policy, Duration tick) {
    check_growth_at(reader, "idle_growth.", policy.limits.idle_growth, tick);
}

}  // namespace sockdog
