// What Prometheus is told. Names and labels are stable and documented in docs/metrics.md, which a test holds
// against this. Pure but for `services`. One thread at a time.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "relay/dispatcher.h"
#include "web/agent_view.h"
#include "web/services.h"

namespace sockdog {

std::vector<prometheus::MetricFamily> collect_metrics(const AgentState& agent, const RelayStats& relay,
                                                      Services& services);

/// By the Accept header: OpenMetrics 1.0 where it is asked for, else Prometheus' text format 0.0.4.
struct Exposition {
    std::string body;
    std::string content_type;
};
Exposition expose(const std::vector<prometheus::MetricFamily>& families, const std::string& accept);

}  // namespace sockdog
