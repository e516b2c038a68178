// The remedy "systemd-restart": at most one UnitRestart at a time. Loop thread.
#pragma once

#include <memory>
#include <string>

#include "base/time.h"
#include "remedy/engine.h"
#include "remedy/unit_restart.h"

namespace sockdog {

class SystemdActuator final : public Actuator {
  public:
    // systemd gives a service 90 s to stop and 90 s to start by default (DefaultTimeoutStopSec,
    // DefaultTimeoutStartSec): a slow but good restart must be able to end, and 20 s are for the bus.
    static constexpr Duration kLimit = 200s;

    SystemdActuator(sd_event* loop, BusAddresses addresses, Duration limit = kLimit);
    void start(const Incident& incident, const RemedyPolicy& policy, Done done) override;
    [[nodiscard]] std::string target(const Incident& incident, const RemedyPolicy& policy) const override;

  private:
    SdPtr<sd_event> loop_;
    BusAddresses addresses_;
    Duration limit_;
    std::unique_ptr<UnitRestart> restart_;
};

}  // namespace sockdog
