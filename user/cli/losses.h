// The causes of loss in words, in the order of LossCounters. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "probe/types.h"

namespace sockdog {

struct LossCause {
    std::uint64_t count = 0;
    std::string meaning;    // follows the number: "sockets not booked: ..."
    bool repaired = false;  // noticed and put right: no number is wrong because of it
};
std::vector<LossCause> loss_causes(const LossCounters& losses);

}  // namespace sockdog
