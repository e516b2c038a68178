#include "zoo/judge.h"

#include <algorithm>

namespace sockdog::zoo {
namespace {

/// The last revision of each incident, in order of their first.
std::vector<Told> incidents(const std::vector<nlohmann::json>& revisions,
                            const std::function<Kin(const ProcessId&)>& kin_of) {
    std::vector<Told> all;
    for (const nlohmann::json& revision : revisions) {
        const nlohmann::json& incident = revision.at("incident");
        const nlohmann::json& finding = incident.at("latest");
        const std::string id = incident.at("id");
        auto told = std::ranges::find(all, id, &Told::id);
        if (told == all.end()) {
            told = all.emplace(told);
            told->id = id;
        }
        const std::string class_name = finding.at("class");
        if (class_name != told->class_name) told->classes += (told->classes.empty() ? "" : ", ") + class_name;
        told->class_name = class_name;
        told->role = finding.value("role", "");
        told->endpoint = finding.value("endpoint", "");
        told->summary = incident.value("summary", "");
        const nlohmann::json& process = finding.at("process");
        told->process = {process.value("pid", 0U), process.value("start_ticks", std::uint64_t{0})};
        told->kin = kin_of(told->process);
        told->opened = parse_rfc3339(incident.at("opened_at"));
    }
    return all;
}

std::string endpoint_of(const Animal& animal, const Stay& stay) {
    return animal.has_port ? "127.0.0.1:" + std::to_string(stay.port) : "";
}

void compare(const std::string& what, const std::string& expected, const std::string& found,
             std::vector<std::string>& faults) {
    if (expected == found) return;
    faults.push_back(what + (found.empty() ? " is none" : " is " + found) + ", not " +
                     (expected.empty() ? "none" : expected));
}

/// What the animal itself did not do as it should: then the rest says nothing.
void check_stay(const Animal& animal, const Stay& stay, std::vector<std::string>& faults) {
    if (!stay.trouble.empty()) faults.push_back(stay.trouble);
    if (stay.sockets < animal.sockets)
        faults.push_back("held " + std::to_string(stay.sockets) + " sockets in the end, not " +
                         std::to_string(animal.sockets));
    if (stay.connections < animal.connections)
        faults.push_back("had " + std::to_string(stay.connections) + " connections, not " +
                         std::to_string(animal.connections));
}

/// Of the right class now, or once and now of the one that it turns into.
bool fits(const Animal& animal, const Told& told) {
    if (told.class_name == animal.truth) return true;
    return !animal.becomes.empty() && told.class_name == animal.becomes &&
           told.classes.starts_with(animal.truth);
}

Judgement judge_one(const Animal& animal, const Stay& stay, std::vector<Told> told) {
    Judgement judgement;
    check_stay(animal, stay, judgement.faults);
    // Of several the one that is right, if there is one.
    std::stable_partition(told.begin(), told.end(), [&](const Told& one) { return fits(animal, one); });
    judgement.told = told;
    if (told.empty()) {
        if (!animal.healthy()) judgement.faults.push_back("not found");
        return judgement;
    }
    const Told& first = told.front();
    judgement.found = fits(animal, first) ? animal.truth : first.class_name;
    judgement.seconds = std::chrono::duration<double>(first.opened - stay.came).count();
    if (animal.healthy()) {
        judgement.faults.push_back("is healthy: " + first.summary);
    } else {
        compare("class", animal.truth, judgement.found, judgement.faults);
        compare("role", animal.role, first.role, judgement.faults);
        compare("endpoint", endpoint_of(animal, stay), first.endpoint, judgement.faults);
        compare("offender", animal.child ? "a child" : "itself", first.kin.head ? "itself" : "a child",
                judgement.faults);
    }
    for (auto more = told.begin() + 1; more != told.end(); ++more)
        judgement.faults.push_back("and also: " + more->class_name + ": " + more->summary);
    return judgement;
}

}  // namespace

Verdict judge(const std::vector<Animal>& animals, const std::map<std::string, Stay>& stays,
              const std::vector<nlohmann::json>& revisions,
              const std::function<Kin(const ProcessId&)>& kin_of) {
    Verdict verdict;
    std::map<std::string, std::vector<Told>> by_name;
    for (const Told& told : incidents(revisions, kin_of)) {
        if (told.kin.name.empty())
            verdict.strangers.push_back(told);
        else if (std::ranges::find(animals, told.kin.name, &Animal::name) == animals.end())
            verdict.bystanders.push_back(told);
        else
            by_name[told.kin.name].push_back(told);
    }
    for (const Animal& animal : animals) {
        const Stay& stay = stays.at(animal.name);
        if (stay.missing.empty())
            verdict.animals[animal.name] = judge_one(animal, stay, by_name[animal.name]);
    }
    return verdict;
}

}  // namespace sockdog::zoo
