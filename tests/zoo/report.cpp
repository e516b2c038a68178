#include "zoo/report.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

namespace sockdog::zoo {
namespace {

using Matrix = std::map<std::string, std::map<std::string, int>>;

/// Text of a program in a cell.
std::string cell(std::string text) {
    std::ranges::replace_if(
        text, [](unsigned char c) { return c < ' ' || c == '|'; }, ' ');
    return text.substr(0, 200);
}

/// Words in the order in which the animals' truths first come, then the rest.
std::vector<std::string> order(const Zoo& zoo, const Verdict& verdict) {
    std::vector<std::string> words;
    const auto add = [&](const std::string& word) {
        if (std::ranges::find(words, word) == words.end()) words.push_back(word);
    };
    for (const Animal& animal : zoo.animals)
        if (!animal.healthy()) add(animal.truth);
    for (const auto& [_, judgement] : verdict.animals)
        for (const Told& told : judgement.told) add(told.class_name);
    for (const Told& told : verdict.bystanders) add(told.class_name);
    return words;
}

void write_matrix(const Zoo& zoo, const Verdict& verdict, std::ostream& out) {
    const std::vector<std::string> classes = order(zoo, verdict);
    Matrix matrix;
    for (const Animal& animal : zoo.animals) {
        const auto judgement = verdict.animals.find(animal.name);
        if (judgement == verdict.animals.end()) continue;
        matrix[animal.truth][judgement->second.found]++;
        for (std::size_t i = 1; i < judgement->second.told.size(); i++) matrix[animal.truth]["also"]++;
    }
    for (const Told& told : verdict.bystanders) matrix["bystanders"][told.class_name]++;
    std::vector<std::string> rows = classes, columns = classes;
    rows.insert(rows.end(), {"healthy", "bystanders"});
    columns.insert(columns.end(), {"nothing", "also"});
    out << "| truth, found |";
    for (const std::string& column : columns) out << ' ' << column << " |";
    out << "\n|---|";
    for (std::size_t i = 0; i < columns.size(); i++) out << "--:|";
    for (const std::string& row : rows) {
        out << "\n| " << row << " |";
        for (const std::string& column : columns) {
            const int count = matrix[row][column];
            out << ' ' << (count == 0 ? std::string("·") : std::to_string(count)) << " |";
        }
    }
    out << "\n\n`also`: incidents beyond the first of an animal. `bystanders`: incidents about the servers, "
           "the "
           "clients and the watchdog itself.\n";
}

void write_animal(const Animal& animal, const Stay& stay, const Verdict& verdict, std::ostream& out) {
    out << "| " << animal.name << " | " << animal.truth << " | ";
    const auto found = verdict.animals.find(animal.name);
    if (found == verdict.animals.end()) {
        out << "skipped | | | | " << cell(stay.missing) << " |\n";
        return;
    }
    const Judgement& judgement = found->second;
    out << judgement.found << " | ";
    if (!judgement.told.empty()) out << std::fixed << std::setprecision(1) << judgement.seconds;
    out << " | " << stay.sockets << " | " << stay.connections << " | ";
    if (judgement.faults.empty()) out << "as it is: " << cell(animal.why);
    for (std::size_t i = 0; i < judgement.faults.size(); i++)
        out << (i == 0 ? "**WRONG** " : "; ") << cell(judgement.faults[i]);
    out << " |\n";
}

void write_told(const std::string& title, const std::vector<Told>& told, std::ostream& out) {
    if (told.empty()) return;
    out << "\n" << title << "\n\n";
    for (const Told& one : told)
        out << "- " << (one.kin.name.empty() ? "" : one.kin.name + ": ") << one.class_name << ": "
            << cell(one.summary) << "\n";
}

}  // namespace

std::string report(const Zoo& zoo, const Visit& visit, const Verdict& verdict) {
    std::ostringstream out;
    const auto right = std::ranges::count_if(verdict.animals,
                                             [](const auto& animal) { return animal.second.faults.empty(); });
    out << right << " of " << verdict.animals.size() << " animals were seen as what they are; "
        << zoo.animals.size() - verdict.animals.size() << " could not come; " << verdict.bystanders.size()
        << " incidents about bystanders.\n\n";
    write_matrix(zoo, verdict, out);
    out << "\n| animal | truth | found | after s | sockets held | connections | "
           "|\n|---|---|---|--:|--:|--:|---|\n";
    for (const Animal& animal : zoo.animals) write_animal(animal, visit.stays.at(animal.name), verdict, out);
    write_told("About bystanders:", verdict.bystanders, out);
    write_told("About other programs of this host, not judged:", verdict.strangers, out);
    out << "\nsockdogd: " << visit.status.value("cpu_seconds", 0.0) << " s of CPU, "
        << visit.status.value("memory_bytes", std::int64_t{0}) / 1024 << " KiB, losses "
        << visit.status.value("losses", nlohmann::json::object()).dump() << "\n";
    return out.str();
}

}  // namespace sockdog::zoo
