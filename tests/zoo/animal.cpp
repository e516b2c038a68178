#include "zoo/animal.h"

#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "end_to_end/stage.h"

namespace sockdog::zoo {
namespace {

Language language_from(const nlohmann::json& json) {
    return {json.at("needs"), json.value("check", Command{}), json.value("build", Command{}), json.at("run")};
}

/// The language goes by the ending, as in the folder.
std::string language_of(const std::string& source) {
    static const std::map<std::string, std::string> kEndings = {
        {".py", "python"}, {".rb", "ruby"}, {".js", "node"}, {".java", "java"}, {".go", "go"}, {".c", "c"}};
    return kEndings.at(std::filesystem::path(source).extension());
}

Animal animal_from(const nlohmann::json& json) {
    Animal animal;
    animal.name = json.at("name");
    animal.source = json.at("source");
    animal.language = language_of(animal.source);
    animal.arguments = json.at("arguments");
    animal.habitat = json.value("habitat", "");
    animal.visitors = json.value("visitors", Command{});
    animal.truth = json.at("truth");
    animal.becomes = json.value("becomes", "");
    animal.role = json.value("role", "");
    animal.child = json.value("who", "itself") == "child";
    animal.has_port = json.value("endpoint", "port") == "port";
    animal.sockets = json.value("sockets", 0);
    animal.connections = json.value("connections", 0);
    animal.why = json.at("why");
    if (animal.sockets == 0 && animal.connections == 0)
        throw std::runtime_error(animal.name + ": nothing would tell whether it does what it should");
    return animal;
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
        text.replace(at, what.size(), with);
}

}  // namespace

Zoo load_zoo() {
    Zoo zoo;
    zoo.folder = std::filesystem::path(SOCKDOG_SOURCE_DIR) / "tests/zoo";
    std::ifstream in(zoo.folder / "zoo.json");
    const nlohmann::json json = nlohmann::json::parse(in);
    for (const auto& [name, language] : json.at("languages").items())
        zoo.languages[name] = language_from(language);
    for (const nlohmann::json& animal : json.at("animals")) zoo.animals.push_back(animal_from(animal));
    return zoo;
}

std::optional<std::string> missing_for(const Language& language) {
    for (const std::string& file : language.needs)
        if (access(file.c_str(), X_OK) != 0) return "needs " + file;
    if (language.check.empty()) return {};
    if (testing::Program(language.check, "/dev/null").wait() == 0) return {};
    std::string command;
    for (const std::string& word : language.check) command += (command.empty() ? "" : " ") + word;
    return "fails: " + command;
}

Command expand(const Command& command, const Zoo& zoo, const Animal& animal,
               const std::filesystem::path& built, int port) {
    Command expanded = command;
    for (std::string& word : expanded) {
        replace_all(word, "{source}", (zoo.folder / "animals" / animal.source).string());
        replace_all(word, "{stem}", std::filesystem::path(animal.source).stem().string());
        replace_all(word, "{built}", built.string());
        replace_all(word, "{port}", std::to_string(port));
    }
    return expanded;
}

}  // namespace sockdog::zoo
