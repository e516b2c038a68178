// One visit to the zoo: a real sockdogd, the habitat, all the animals and their visitors, for a while.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/time.h"
#include "zoo/animal.h"
#include "zoo/family.h"

namespace sockdog::zoo {

/// How the stay of one animal went.
struct Stay {
    std::string missing;  // what it needs and is not here; it did not come
    std::string trouble;  // why it could not be started, or what it said when it ended early
    int port = 0;
    WallTime came;
    bool alive = false;   // in the end
    int sockets = 0;      // that it, or where its children are meant they, held in the end
    int connections = 0;  // tried or accepted in all, by the books
};

struct Visit {
    std::string trouble;  // what kept it from taking place
    std::map<std::string, Stay> stays;
    Family family;
    std::vector<nlohmann::json> revisions;
    nlohmann::json status;  // of sockdogd, in the end
};

/// Those that the runner starts itself and that must not be blamed.
inline const std::string kHabitat = "(habitat)", kVisitors = "(visitors)", kKeepers = "(sockdogd and runner)";

Visit visit(const Zoo& zoo);

}  // namespace sockdog::zoo
