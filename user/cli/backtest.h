// `sockdog backtest`: what a configuration would have done, for people and as JSON (docs/json.md). Pure. Any
// thread.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "cli/style.h"
#include "replay/backtest.h"

namespace sockdog {

std::string render_backtest(const Backtest& backtest, const Style& style);
nlohmann::json backtest_json(const Backtest& backtest);

}  // namespace sockdog
