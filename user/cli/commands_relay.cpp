// The commands that ask sockdog-relay: alerts and silence.

#include <ostream>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "query/varlink_server.h"

namespace sockdog {
namespace {

using nlohmann::json;

// A receiver may be given five minutes, and a test is two messages.
constexpr Duration kTestPatience = 11min;

Result<json> ask_relay(const Options& options, const std::string& method, const json& parameters,
                       Duration patience = kPatience) {
    auto client = VarlinkClient::connect(options.relay_socket);
    if (!client) {
        Error error = client.error();
        if (error.code == ENOENT || error.code == ECONNREFUSED)
            error.message = "sockdog-relay does not answer at " + options.relay_socket +
                            "; does it run? (systemctl status sockdog-relay)";
        return error;
    }
    return client->call(std::string(kRelayInterface) + "." + method, parameters, patience);
}

std::string until_text(const json& time, WallTime now) {
    const WallTime at = parse_rfc3339(time.get<std::string>());
    return at <= now ? "now" : "in " + format_duration(std::chrono::ceil<std::chrono::seconds>(at - now));
}

std::string receiver_table(const json& status, const Style& style) {
    Table table({{"RECEIVER"},
                 {"TYPE"},
                 {"DELIVERED", Align::kRight},
                 {"WAITING", Align::kRight},
                 {"FAILED", Align::kRight},
                 {"DEAD", Align::kRight}});
    const auto count = [](const json& one, const char* name) {
        return std::to_string(one.at(name).get<std::uint64_t>());
    };
    for (const json& one : status.at("receivers")) {
        table.add({one.at("name").get<std::string>(), one.at("type").get<std::string>(),
                   count(one, "delivered"), count(one, "pending"), count(one, "failed_attempts"),
                   count(one, "dead_letters")});
    }
    std::string text = table.empty() ? "no receivers: nobody is told of anything\n" : table.render(style);
    if (!status.at("connected").get<bool>())
        text += "sockdogd does not answer the relay; it tries every second\n";
    if (const auto dropped = status.at("dropped").get<std::uint64_t>(); dropped > 0)
        text += std::to_string(dropped) + " alerts were dropped: the outbox was full\n";
    return text;
}

std::string alert_table(const json& alerts, WallTime now, const Style& style) {
    Table table({{"NO", Align::kRight},
                 {"RECEIVER"},
                 {"INCIDENT"},
                 {"STATE"},
                 {"TRIES", Align::kRight},
                 {"NEXT"},
                 {"LAST ERROR", Align::kLeft, 0, 20}});
    for (const json& one : alerts) {
        const auto state = one.at("state").get<std::string>();
        table.add({std::to_string(one.at("sequence").get<std::uint64_t>()),
                   one.at("receiver").get<std::string>(), one.at("incident").get<std::string>(), state,
                   std::to_string(one.at("attempts").get<std::uint64_t>()),
                   state == "dead" ? "-" : until_text(one.at("next_attempt"), now),
                   one.at("last_error").get<std::string>()});
    }
    return table.render(style);
}

int list_alerts(const Options& options, const Surroundings& io) {
    const bool dead = options.alerts.action == AlertAction::kDead;
    const auto alerts = ask_relay(options, "ListAlerts", {{"dead", dead}});
    if (!alerts) return fail(io, alerts.error());
    if (options.json) {
        io.out << pretty(*alerts);
        return kExitOk;
    }
    const json& list = alerts->at("alerts");
    if (!dead) {
        const auto status = ask_relay(options, "GetStatus", json::object());
        if (!status) return fail(io, status.error());
        io.out << receiver_table(*status, io.style) << "\n";
    }
    if (list.empty())
        io.out << (dead ? "no dead letters\n" : "nothing waits\n");
    else
        io.out << alert_table(list, read_now().wall, io.style);
    return kExitOk;
}

int test_receiver(const Options& options, const Surroundings& io) {
    const auto outcome =
        ask_relay(options, "TestReceiver", {{"receiver", json_safe(options.alerts.receiver)}}, kTestPatience);
    if (!outcome) return fail(io, outcome.error());
    const bool delivered = outcome->at("verdict") == "delivered";
    if (options.json) {
        io.out << pretty(*outcome);
    } else {
        io.out << printable(options.alerts.receiver)
               << (delivered ? ": delivered, an opening and its end, marked as a test ("
                             : ": NOT delivered (")
               << printable(outcome->at("detail").get<std::string>()) << ")\n";
    }
    return delivered ? kExitOk : kExitProblem;
}

int change_dead(const Options& options, const Surroundings& io) {
    const bool retry = options.alerts.action == AlertAction::kRetry;
    json parameters = json::object();
    if (options.alerts.sequence) parameters["sequence"] = *options.alerts.sequence;
    const auto done = ask_relay(options, retry ? "RetryAlerts" : "DiscardAlerts", parameters);
    if (!done) return fail(io, done.error());
    const auto count = done->at("count").get<std::uint64_t>();
    if (options.json)
        io.out << pretty(*done);
    else
        io.out << count << (count == 1 ? " dead letter " : " dead letters ")
               << (retry ? "will be tried again\n" : "discarded\n");
    return kExitOk;
}

int list_silences(const Options& options, const Surroundings& io) {
    const auto reply = ask_relay(options, "ListSilences", json::object());
    if (!reply) return fail(io, reply.error());
    if (options.json) {
        io.out << pretty(*reply);
        return kExitOk;
    }
    Table table(
        {{"NO", Align::kRight}, {"UNIT"}, {"CLASS"}, {"ENDS"}, {"BY"}, {"COMMENT", Align::kLeft, 0, 10}});
    const auto or_any = [](const json& pattern) {
        const auto text = pattern.get<std::string>();
        return text.empty() ? "*" : text;
    };
    for (const json& one : reply->at("silences")) {
        table.add({std::to_string(one.at("id").get<std::uint64_t>()), or_any(one.at("unit")),
                   or_any(one.at("class")), until_text(one.at("until"), read_now().wall),
                   one.at("by").get<std::string>(), one.at("comment").get<std::string>()});
    }
    io.out << (table.empty() ? "nothing is silenced\n" : table.render(io.style));
    return kExitOk;
}

}  // namespace

int alerts(const Options& options, const Surroundings& io) {
    switch (options.alerts.action) {
        case AlertAction::kList:
        case AlertAction::kDead:
            return list_alerts(options, io);
        case AlertAction::kTest:
            return test_receiver(options, io);
        case AlertAction::kRetry:
        case AlertAction::kDiscard:
            return change_dead(options, io);
    }
    return kExitSoftware;
}

int silence(const Options& options, const Surroundings& io) {
    const SilenceOptions& wanted = options.silence;
    if (wanted.end) {
        const auto ended = ask_relay(options, "EndSilence", {{"id", *wanted.end}});
        if (!ended) return fail(io, ended.error());
        io.out << (options.json ? pretty(*ended) : "ended; what is still open is told now\n");
        return kExitOk;
    }
    if (!wanted.until) return list_silences(options, io);
    json parameters = {{"until", format_rfc3339(*wanted.until)}, {"comment", json_safe(wanted.comment)}};
    if (!wanted.unit.empty()) parameters["unit"] = json_safe(wanted.unit);
    if (!wanted.leak_class.empty()) parameters["class"] = json_safe(wanted.leak_class);
    const auto added = ask_relay(options, "AddSilence", parameters);
    if (!added) return fail(io, added.error());
    const auto id = std::to_string(added->at("id").get<std::uint64_t>());
    io.out << (options.json ? pretty(*added)
                            : "silence " + id + " until " + format_rfc3339(*wanted.until) +
                                  "; what is still open then will be told\n");
    return kExitOk;
}

}  // namespace sockdog
