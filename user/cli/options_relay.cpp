#include "cli/options_relay.h"

#include <CLI/CLI.hpp>

#include <array>
#include <charconv>

#include "base/text.h"

namespace sockdog {
namespace {

constexpr std::array<std::pair<std::string_view, AlertAction>, 5> kActions{{
    {"list", AlertAction::kList},
    {"dead", AlertAction::kDead},
    {"test", AlertAction::kTest},
    {"retry", AlertAction::kRetry},
    {"discard", AlertAction::kDiscard},
}};

std::optional<std::uint64_t> sequence_in(std::string_view word) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || end != word.data() + word.size() || value == 0) return std::nullopt;
    return value;
}

std::optional<std::string> read_alerts(const RelayWords& words, AlertOptions& alerts) {
    if (!words.action.empty()) {
        const auto* found =
            std::ranges::find(kActions, words.action, [](const auto& one) { return one.first; });
        if (found == kActions.end()) {
            const auto near = nearest(words.action, alert_actions());
            return "'alerts' does not know '" + printable(words.action) +
                   "'; known are list, dead, test, retry and discard" +
                   (near ? "; did you mean '" + *near + "'?" : "");
        }
        alerts.action = found->second;
    }
    if (alerts.action == AlertAction::kTest) {
        if (words.target.empty()) return std::string("'alerts test' needs the name of a receiver");
        alerts.receiver = words.target;
        return std::nullopt;
    }
    if (words.target.empty()) return std::nullopt;
    if (alerts.action == AlertAction::kList || alerts.action == AlertAction::kDead)
        return "'alerts " + words.action + "' does not take '" + printable(words.target) + "'";
    alerts.sequence = sequence_in(words.target);
    if (!alerts.sequence)
        return "'" + printable(words.target) + "' is no number of a dead letter; see 'sockdog alerts dead'";
    return std::nullopt;
}

std::optional<std::string> read_until(const RelayWords& words, WallTime now, SilenceOptions& silence) {
    if (!words.pause.empty() && !words.until.empty()) return std::string("give --for or --until, not both");
    if (!words.pause.empty()) {
        const auto pause = parse_duration(words.pause);
        if (!pause) return "--for: " + pause.error().message;
        silence.until = std::chrono::ceil<std::chrono::milliseconds>(now + *pause);
    } else if (!words.until.empty()) {
        silence.until = parse_rfc3339(words.until);
        if (silence.until == WallTime{})
            return "--until: '" + printable(words.until) +
                   "' is no time; allowed is UTC, as 2026-01-31T18:00:00Z";
    }
    if (silence.until && *silence.until <= now) return std::string("the silence would be over already");
    return std::nullopt;
}

std::optional<std::string> read_silence(const RelayWords& words, WallTime now, SilenceOptions& silence) {
    if (auto error = read_until(words, now, silence)) return error;
    const bool adds = !silence.unit.empty() || !silence.leak_class.empty();
    if (!words.end.empty()) {
        silence.end = sequence_in(words.end);
        if (!silence.end) return "--end: '" + printable(words.end) + "' is no number of a silence";
        if (adds || silence.until) return std::string("--end stands alone");
        return std::nullopt;
    }
    if (adds && !silence.until) return std::string("for how long? Give --for 2h, or --until TIME");
    if (!adds && silence.until) return std::string("silence what? Give --unit, --class or both");
    return std::nullopt;
}

}  // namespace

void add_relay(CLI::App& app, Options& options, RelayWords& words) {
    auto* alerts = app.add_subcommand("alerts", "What waits to be delivered, and tests of receivers");
    alerts->add_option("action", words.action, "list (default), dead, test, retry, discard; see below")
        ->type_name("ACTION");
    alerts->add_option("target", words.target, "test: a receiver; retry, discard: a number, else all")
        ->type_name("RECEIVER|N");
    auto* silence = app.add_subcommand("silence", "Tell nobody of some incidents for a while (root)");
    silence->add_option("--unit", options.silence.unit, "Of this unit or service: a shell pattern")
        ->type_name("UNIT");
    silence->add_option("--class", options.silence.leak_class, "Of this class, as close_wait: likewise")
        ->type_name("CLASS");
    silence->add_option("--for", words.pause, "From now, as 2h")->type_name("DURATION");
    silence->add_option("--until", words.until, "UTC, as 2026-01-31T18:00:00Z")->type_name("TIME");
    silence->add_option("--comment", options.silence.comment, "Why; shown with the silence")
        ->type_name("TEXT");
    silence->add_option("--end", words.end, "End the silence of this number")->type_name("N");
    app.add_option("--relay-socket", options.relay_socket,
                   "Socket of sockdog-relay (environment: SOCKDOG_RELAY_SOCKET)")
        ->type_name("PATH")
        ->capture_default_str();
}

std::optional<std::string> read_relay(const RelayWords& words, WallTime now, Options& options) {
    if (options.command == Command::kAlerts) return read_alerts(words, options.alerts);
    if (options.command == Command::kSilence) return read_silence(words, now, options.silence);
    return std::nullopt;
}

std::vector<std::string> alert_actions() {
    std::vector<std::string> names;
    names.reserve(kActions.size());
    for (const auto& [name, action] : kActions) names.emplace_back(name);
    return names;
}

}  // namespace sockdog
