// What a configuration would have done over recorded samples: which incidents, when, and which remedies.
// Nothing is touched: every policy is taken for a dry run, and the actuators of the real engine are replaced
// by none. Any thread.
//
// A remedy that would have fired changes nothing in the samples: the leak goes on, and the engine says again
// after each cooldown that it would act. Those are counted apart, as are budget and verification, which need
// real actions, left out.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "config/config.h"
#include "incident/incident.h"
#include "store/samples.h"

namespace sockdog {

struct BacktestIncident {
    Incident incident;
    std::optional<RemedyReport> fired;  // the first time that all guards passed
    std::uint32_t again = 0;            // after a cooldown, the leak being there still
    std::vector<RemedyReport> held;     // once for each guard that said no
};

struct Backtest {
    WallTime from;
    WallTime to;
    Duration watched{};         // of that; the rest are gaps between runs
    std::size_t processes = 0;  // of which there are samples
    std::size_t walked = 0;     // of these, with sockets
    std::size_t runs = 0;
    std::vector<BacktestIncident> incidents;  // open at any time since `from`, oldest first
    [[nodiscard]] std::size_t fired() const;
};

/// `since`: what ended before is left out; nothing: all samples. ENODATA where there are no samples since
/// then.
Result<Backtest> backtest(Config config, SampleReader& samples, std::optional<WallTime> since);

}  // namespace sockdog
