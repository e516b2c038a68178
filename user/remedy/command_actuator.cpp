#include "remedy/command_actuator.h"

#include <cstring>
#include <utility>

#include "base/text.h"
#include "remedy/target.h"

namespace sockdog {
namespace {

/// The end of the output as one printable line: "first / second"; empty without output.
std::string quoted_output(const std::string& output) {
    std::string line;
    for (const auto& part : split(output, '\n')) {
        const auto text = trim(part);
        if (!text.empty()) line += (line.empty() ? "" : " / ") + printable(text);
    }
    return line.empty() ? std::string("no output") : "its output: " + line;
}

Result<std::string> judge(const ChildEnd& end, Duration timeout) {
    const std::string output = quoted_output(end.output);
    if (end.abandoned) {
        return make_error("the command did not end within " + format_duration(timeout) +
                              " nor when it was killed; " + output,
                          ETIMEDOUT);
    }
    if (end.timed_out) {
        return make_error(
            "the command did not end within " + format_duration(timeout) + " and was killed; " + output,
            ETIMEDOUT);
    }
    if (end.signalled) {
        const char* name = ::sigabbrev_np(end.status);
        return make_error("the command was ended by signal " + std::to_string(end.status) +
                          (name == nullptr ? "" : std::string(" (SIG") + name + ")") + "; " + output);
    }
    if (end.status != 0)
        return make_error("the command ended with status " + std::to_string(end.status) + "; " + output);
    return "the command ended well; " + output;
}

}  // namespace

std::vector<std::string> command_environment(const Incident& incident) {
    const Owner& owner = incident.owner;
    const std::uint32_t attempt = incident.remedies.empty() ? 1 : incident.remedies.back().attempt;
    return {
        std::string("PATH=") + ChildProcess::kPath,
        "LANG=C.UTF-8",
        "SOCKDOG_INCIDENT=" + incident.id,
        "SOCKDOG_CLASS=" + std::string(to_string(incident.latest.leak_class)),
        "SOCKDOG_PID=" + std::to_string(incident.latest.process.pid),
        "SOCKDOG_UNIT=" + owner.unit,
        "SOCKDOG_USER_UNIT=" + owner.user_unit,
        "SOCKDOG_EXECUTABLE=" + owner.executable,
        "SOCKDOG_CONTAINER=" + owner.container_id,
        "SOCKDOG_ENDPOINT=" + incident.latest.endpoint.to_string(),
        "SOCKDOG_LEAKED=" + std::to_string(incident.latest.leaked),
        "SOCKDOG_ATTEMPT=" + std::to_string(attempt),
    };
}

CommandActuator::CommandActuator(sd_event* loop, Duration grace) : loop_(sd_event_ref(loop)), grace_(grace) {}

void CommandActuator::start(const Incident& incident, const RemedyPolicy& policy, Done done) {
    if (child_ && !child_->finished()) return done(make_error("another command is under way", EBUSY));
    const auto argv = expand_command(incident, policy);
    if (!argv) return done(argv.error());
    // Both the child's end and a failure to start it answer, but never both: the child ends only after it has
    // started.
    const auto shared = std::make_shared<Done>(std::move(done));
    const Duration timeout = policy.command_timeout;
    child_ = std::make_unique<ChildProcess>(
        loop_.get(), timeout, grace_,
        [shared, timeout](const ChildEnd& end) { (*shared)(judge(end, timeout)); });
    if (auto started = child_->start(*argv, command_environment(incident)); !started) {
        child_.reset();
        (*shared)(started.error());
    }
}

std::string CommandActuator::target(const Incident& incident, const RemedyPolicy& policy) const {
    return describe_target(incident, policy);
}

std::unique_ptr<Actuator> make_command_actuator(sd_event* loop) {
    return std::make_unique<CommandActuator>(loop);
}

}  // namespace sockdog
