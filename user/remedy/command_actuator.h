// The remedy "command": the operator's own argv, at most one at a time. Loop thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "remedy/child_process.h"
#include "remedy/engine.h"

namespace sockdog {

/// The whole environment of a remedy's command: PATH, LANG and SOCKDOG_*. Values are raw bytes as the host
/// has them.
std::vector<std::string> command_environment(const Incident& incident);

class CommandActuator final : public Actuator {
  public:
    // Between TERM and KILL: what systemd's users are used to is 90 s, but a script that restarts something
    // and ignores TERM has had its whole timeout already.
    static constexpr Duration kGrace = 5s;

    explicit CommandActuator(sd_event* loop, Duration grace = kGrace);
    void start(const Incident& incident, const RemedyPolicy& policy, Done done) override;
    [[nodiscard]] std::string target(const Incident& incident, const RemedyPolicy& policy) const override;

  private:
    SdPtr<sd_event> loop_;
    Duration grace_;
    std::unique_ptr<ChildProcess> child_;
};

}  // namespace sockdog
