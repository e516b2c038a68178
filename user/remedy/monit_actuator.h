// The remedy "monit-restart": at most one at a time. This process never reads what monit says: the helper
// does, without any privilege, and answers with one line that is bounded and checked here. Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/proc_root.h"
#include "remedy/child_process.h"
#include "remedy/engine.h"

namespace sockdog {

/// What the helper is told, as in monit/exchange.h.
Result<std::string> monit_request(const MonitSettings& settings, const MonitCredentials& credentials,
                                  const std::vector<std::uint32_t>& lineage);

struct MonitAnswer {
    std::string service;  // printable; empty where none was found
    Result<std::string> result = make_error("no answer");
};
/// Takes the helper's line for what it is: the word of a process that has talked to somebody.
MonitAnswer read_monit_answer(const ChildEnd& end);

class MonitActuator final : public Actuator {
  public:
    using Settings = std::function<RemedySettings()>;
    MonitActuator(sd_event* loop, Settings settings, std::string helper, ProcRoot proc = ProcRoot());
    void start(const Incident& incident, const RemedyPolicy& policy, Done done) override;
    [[nodiscard]] std::string target(const Incident& incident, const RemedyPolicy& policy) const override;

  private:
    Status begin(const Incident& incident, ChildProcess::Done then);

    SdPtr<sd_event> loop_;
    Settings settings_;
    std::string helper_;
    ProcRoot proc_;
    std::unique_ptr<ChildProcess> child_;
    std::string asked_for_;  // the incident of the last action,
    std::string service_;    // and the service that monit named for it
};

}  // namespace sockdog
