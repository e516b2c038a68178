#include "cli/destroy.h"

#include "base/text.h"
#include "cli/explain.h"
#include "cli/render.h"
#include "cli/words.h"

namespace sockdog {
namespace {

std::string whose(const Incident& incident) {
    const Owner& owner = incident.owner;
    const std::string name = printable(owner.comm.empty() ? name_of(owner) : owner.comm);
    const std::string unit = unit_of(owner);
    return name + " (pid " + pid_text(incident.latest.process) +
           (unit.empty() || unit == "-" ? "" : ", " + printable(unit)) + ")";
}

std::string where(const Finding& f) {
    if (f.endpoint.family == 0) return "";
    return (f.role == SocketRole::kOpened ? " to " : " accepted on ") + f.endpoint.to_string();
}

std::string left_alone(const DestroyPlan& plan, std::uint32_t established) {
    std::string text;
    const auto add = [&text](std::uint32_t count, const std::string& what) {
        if (count > 0) text += "  " + std::to_string(count) + " " + what + "\n";
    };
    add(established, "ESTABLISHED of this process: never destroyed, they may be in use.");
    add(plan.already_read,
        "in CLOSE_WAIT whose end the program has read: left alone, it may be at work on them.");
    add(plan.elsewhere, "in CLOSE_WAIT of other endpoints: not this incident's.");
    return text;
}

}  // namespace

std::string destroy_warning(const Incident& incident, const DestroyPlan& plan, std::uint32_t established) {
    const std::string alone = left_alone(plan, established);
    return count_of(plan.chosen.size(), "socket") + " in CLOSE_WAIT" + where(incident.latest) + " of " +
           whose(incident) +
           ".\n"
           "  To destroy them frees their ports at once.\n"
           "  Their file descriptors stay open until the program closes them: the leak goes on, out of the\n"
           "  sight of ss, and ends in EMFILE all the same. This wins time, it mends nothing.\n" +
           (alone.empty() ? "" : "Left alone:\n" + alone) +
           "What mends it: " + cure_sentence(incident.latest, incident.owner) + "\n";
}

std::string nothing_to_destroy(const Incident& incident, const DestroyPlan& plan, std::uint32_t established) {
    const std::string alone = left_alone(plan, established);
    return "there is nothing to destroy: " + whose(incident) + " has no socket in CLOSE_WAIT" +
           where(incident.latest) + " whose end is unread\n" + alone + "See 'sockdog explain " +
           printable(incident.id) + "' for what leaks and what would mend it.";
}

std::string destroyed_sentence(const DestroyResult& result) {
    std::string text = std::to_string(result.count(SocketFate::kDestroyed)) + " of " +
                       count_of(result.fates.size(), "socket") + " destroyed";
    if (const auto n = result.count(SocketFate::kVanished))
        text += ", " + std::to_string(n) + " vanished before";
    if (const auto n = result.count(SocketFate::kRefused))
        text += ", " + std::to_string(n) + " refused by the kernel";
    return text;
}

std::optional<std::string> undestroyable(const Incident& incident) {
    if (!incident.open())
        return incident.id + " is resolved" +
               (incident.resolve_reason.empty() ? "" : " (" + printable(incident.resolve_reason) + ")") +
               ": nothing leaks there now";
    bool under_way = false;
    for (const RemedyReport& report : incident.remedies) {
        if (report.outcome == RemedyOutcome::kStarted) under_way = true;
        if (report.outcome == RemedyOutcome::kSucceeded || report.outcome == RemedyOutcome::kFailed)
            under_way = false;
    }
    if (under_way)
        return "a remedy of " + incident.id +
               " is under way or being verified; wait for its end (sockdog explain " + incident.id + ")";
    return std::nullopt;
}

std::string no_such_incident(const std::string& id, const std::vector<Incident>& open) {
    constexpr std::size_t kNamed = 8;
    std::string text = "there is no incident " + printable(id);
    if (open.empty()) return text + ", and none is open; 'sockdog incidents --all' shows those that were";
    text += "; open " + std::string(open.size() == 1 ? "is" : "are");
    for (std::size_t i = 0; i < open.size() && i < kNamed; ++i)
        text += std::string(i == 0 ? " " : ", ") + printable(open[i].id) + " (" +
                std::string(to_string(open[i].latest.leak_class)) + ", " + printable(name_of(open[i].owner)) +
                ")";
    if (open.size() > kNamed) text += " and " + std::to_string(open.size() - kNamed) + " more";
    return text;
}

nlohmann::json destroy_json(const Incident& incident, const DestroyPlan& plan, const DestroyResult* result) {
    nlohmann::json sockets = nlohmann::json::array();
    for (std::size_t i = 0; i < plan.chosen.size(); ++i) {
        const DiagSocket& socket = plan.chosen[i];
        sockets.push_back({{"local", socket.local.to_string()},
                           {"remote", socket.remote.to_string()},
                           {"recv_queue_bytes", socket.recv_queue_bytes},
                           {"inode", socket.inode},
                           {"cookie", socket.cookie()},
                           {"fate", result == nullptr ? nlohmann::json() : to_string(result->fates.at(i))}});
    }
    const auto count = [result](SocketFate fate) { return result == nullptr ? 0 : result->count(fate); };
    const bool refused = result != nullptr && result->refusal;
    return {{"incident", incident.id},
            {"process", incident.latest.process},
            {"unit", json_safe(incident.owner.unit)},
            {"endpoint", incident.latest.endpoint.family == 0 ? "" : incident.latest.endpoint.to_string()},
            {"dry_run", result == nullptr},
            {"chosen", plan.chosen.size()},
            {"already_read", plan.already_read},
            {"elsewhere", plan.elsewhere},
            {"destroyed", count(SocketFate::kDestroyed)},
            {"vanished", count(SocketFate::kVanished)},
            {"refused", count(SocketFate::kRefused)},
            {"refusal", refused ? nlohmann::json(json_safe(result->refusal->message)) : nlohmann::json()},
            {"sockets", std::move(sockets)}};
}

}  // namespace sockdog
