// What the agent said last over its control socket. Any thread; a call may block for two seconds where the
// agent does.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "query/varlink_client.h"
#include "query/views.h"

namespace sockdog {

struct AgentState {
    bool up = false;  // it answered; else all below is empty
    std::string problem;
    StatusView status;
    std::vector<ProcessView> processes;
    std::vector<Incident> open;
    std::vector<nlohmann::json> resolved;  // newest first, as they came
};

class AgentView {
  public:
    /// Younger answers are given again: a crowd of scrapers costs the agent as much as one.
    static constexpr Duration kFresh = 1s;
    static constexpr std::size_t kMostResolved = 50;

    explicit AgentView(std::filesystem::path socket) : socket_(std::move(socket)) {}
    [[nodiscard]] std::shared_ptr<const AgentState> now();

  private:
    Result<AgentState> ask() const;
    Status ask_resolved(VarlinkClient& client, AgentState& state) const;

    const std::filesystem::path socket_;
    std::mutex mutex_;
    std::shared_ptr<const AgentState> last_;  // guarded by mutex_, as all below
    MonoTime asked_{};
};

}  // namespace sockdog
