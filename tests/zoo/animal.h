// The animals of the zoo, as zoo.json describes them: programs with the truth about each.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace sockdog::zoo {

/// "{source}", "{stem}", "{built}" and "{port}" in commands stand for what only the runner knows.
using Command = std::vector<std::string>;

/// How programs of a language are built and started.
struct Language {
    std::vector<std::string> needs;  // files
    Command check;                   // succeeds where what else it needs is there; empty: nothing else
    Command build;                   // empty: it is not compiled
    Command run;
};

struct Animal {
    std::string name;
    std::string language;
    std::string source;
    Command arguments;
    std::string habitat;   // behaviour of the server it talks to (habitat.py); empty: none
    Command visitors;      // how they come, and how many (visitors.py); empty: none
    std::string truth;     // a class, or "healthy"
    std::string becomes;   // class that an incident of that class may turn into; empty: none
    std::string role;      // of what leaks
    bool child = false;    // not itself holds what leaks, but children of it
    bool has_port = true;  // what leaks has an endpoint
    int sockets = 0;       // fewest that it must hold in the end, else it is not what it says
    int connections = 0;   // fewest that it must have tried to make or accepted, likewise
    std::string why;

    [[nodiscard]] bool healthy() const { return truth == "healthy"; }
};

/// For GoogleTest.
inline void PrintTo(const Animal& animal, std::ostream* out) {
    *out << animal.name;
}

struct Zoo {
    std::filesystem::path folder;
    std::map<std::string, Language> languages;
    std::vector<Animal> animals;
};

/// Throws where zoo.json is not as it should be.
Zoo load_zoo();

/// What is missing for a language; nothing when it can run.
std::optional<std::string> missing_for(const Language& language);

Command expand(const Command& command, const Zoo& zoo, const Animal& animal,
               const std::filesystem::path& built, int port);

}  // namespace sockdog::zoo
