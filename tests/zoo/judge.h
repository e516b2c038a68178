// Was each animal seen as what it is, and nobody else blamed? Pure.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/process_id.h"
#include "zoo/animal.h"
#include "zoo/family.h"
#include "zoo/visit.h"

namespace sockdog::zoo {

/// An incident as it was told last.
struct Told {
    std::string id, class_name, role, endpoint, summary;
    std::string classes;  // all that it was in turn: "idle_growth, close_wait"
    ProcessId process;
    Kin kin;
    WallTime opened;
};

struct Judgement {
    std::string found = "nothing";    // class
    double seconds = 0;               // from its start to the first word
    std::vector<std::string> faults;  // empty: seen as what it is
    std::vector<Told> told;           // all about it, the one that was judged first
};

struct Verdict {
    std::map<std::string, Judgement> animals;  // those that came
    std::vector<Told> bystanders;              // false: about the habitat, the visitors, the runner
    std::vector<Told> strangers;  // about programs that are none of the zoo's: may be true, are not judged
};

Verdict judge(const std::vector<Animal>& animals, const std::map<std::string, Stay>& stays,
              const std::vector<nlohmann::json>& revisions,
              const std::function<Kin(const ProcessId&)>& kin_of);

}  // namespace sockdog::zoo
