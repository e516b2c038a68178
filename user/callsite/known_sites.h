// Call sites by id, as many as are wanted: the oldest are forgotten. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>

#include "callsite/call_site.h"

namespace sockdog {

class KnownSites {
  public:
    /// One at least.
    explicit KnownSites(std::size_t most) : most_(std::max<std::size_t>(most, 1)) {}

    /// Replaces one of the same id, which keeps its age. Valid until the next one.
    const CallSite& remember(CallSite site) {
        const std::uint64_t id = site.id;
        if (!sites_.contains(id)) order_.push_back(id);
        while (order_.size() > most_) {
            sites_.erase(order_.front());
            order_.pop_front();
        }
        return sites_.insert_or_assign(id, std::move(site)).first->second;
    }
    /// Null for one that was never there, or was forgotten.
    [[nodiscard]] const CallSite* find(std::uint64_t id) const {
        const auto found = sites_.find(id);
        return found == sites_.end() ? nullptr : &found->second;
    }

  private:
    std::size_t most_;
    std::unordered_map<std::uint64_t, CallSite> sites_;
    std::deque<std::uint64_t> order_;  // of first remembering, oldest first
};

}  // namespace sockdog
