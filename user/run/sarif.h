// A report as SARIF 2.1.0, for code scanning: a rule for each class, a result for each leak, with the line
// where it was known. Any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "run/report.h"

namespace sockdog {

/// Where a file is, as SARIF has it: relative to the working directory where it is below it, else absolute.
struct SarifPlace {
    std::string uri;  // percent-encoded
    bool relative = false;
};
SarifPlace sarif_place(const std::string& file, const std::string& working_directory);

nlohmann::json sarif_json(const RunReport& report);

}  // namespace sockdog
