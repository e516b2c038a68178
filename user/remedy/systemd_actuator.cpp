#include "remedy/systemd_actuator.h"

#include <utility>

#include "remedy/target.h"

namespace sockdog {

SystemdActuator::SystemdActuator(sd_event* loop, BusAddresses addresses, Duration limit)
    : loop_(sd_event_ref(loop)), addresses_(std::move(addresses)), limit_(limit) {}

void SystemdActuator::start(const Incident& incident, const RemedyPolicy& policy, Done done) {
    if (restart_ && !restart_->finished()) return done(make_error("another restart is under way", EBUSY));
    RemedyPolicy restart = policy;
    restart.action = RemedyAction::kSystemdRestart;
    if (auto why = untargetable(incident, restart)) return done(make_error(std::move(*why)));
    restart_ =
        std::make_unique<UnitRestart>(loop_.get(), addresses_, incident.owner, limit_, std::move(done));
    restart_->start();
}

std::string SystemdActuator::target(const Incident& incident, const RemedyPolicy& policy) const {
    return describe_target(incident, policy);
}

std::unique_ptr<Actuator> make_systemd_actuator(sd_event* loop) {
    return std::make_unique<SystemdActuator>(loop, BusAddresses{});
}

}  // namespace sockdog
