#include "remedy/monit_actuator.h"

#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "remedy/lineage.h"
#include "remedy/target.h"

namespace sockdog {
namespace {

using nlohmann::json;

// For starting it, and for its last words: its own time limit is the one of the settings.
constexpr Duration kMargin = 2s;
constexpr Duration kGrace = 1s;
constexpr std::size_t kLongestName = 255;

MonitAnswer failed(const std::string& why) {
    return {{}, make_error(why)};
}

std::optional<json> parse_line(const std::string& output) {
    // Older output was dropped where it is as long as that.
    if (output.size() >= ChildProcess::kKeptOutput || output.find('\n') != output.size() - 1)
        return std::nullopt;
    json line = json::parse(output, nullptr, false);
    if (!line.is_object() || line.size() != 3) return std::nullopt;
    for (const char* key : {"result", "service", "reason"}) {
        if (!line.contains(key) || !line[key].is_string()) return std::nullopt;
    }
    return line;
}

}  // namespace

Result<std::string> monit_request(const MonitSettings& settings, const MonitCredentials& credentials,
                                  const std::vector<std::uint32_t>& lineage) {
    constexpr std::string_view kUnix = "unix:";
    const bool local = settings.url.starts_with(kUnix);
    const json request = {
        {"url", local ? "http://localhost" : settings.url},
        {"socket", local ? settings.url.substr(kUnix.size()) : ""},
        {"user", credentials.user},
        {"password", credentials.password},
        {"timeout_ms", std::chrono::ceil<std::chrono::milliseconds>(settings.timeout).count()},
        {"lineage", lineage},
    };
    try {
        return request.dump();
    } catch (const json::exception&) {
        return make_error("the credentials are not UTF-8", EINVAL);
    }
}

MonitAnswer read_monit_answer(const ChildEnd& end) {
    if (end.timed_out) return failed("the helper sockdog-monit did not end in time and was killed");
    if (end.signalled) {
        const char* name = ::sigabbrev_np(end.status);
        return failed("the helper sockdog-monit was ended by signal " + std::to_string(end.status) +
                      (name == nullptr ? "" : std::string(" (SIG") + name + ")"));
    }
    if (end.status != 0)
        return failed("the helper sockdog-monit ended with status " + std::to_string(end.status));
    const auto line = parse_line(end.output);
    if (!line) return failed("the helper sockdog-monit gave no proper answer");
    const auto result = (*line)["result"].get<std::string>();
    const auto name = printable((*line)["service"].get<std::string>());
    const auto reason = printable((*line)["reason"].get<std::string>());
    if (name.size() > kLongestName) return failed("the helper sockdog-monit gave no proper answer");
    if (result == "accepted" && !name.empty() && reason.empty())
        return {name, "monit accepted the restart of " + name};
    if ((result == "refused" || result == "failed") && !reason.empty()) return {name, make_error(reason)};
    return failed("the helper sockdog-monit gave no proper answer");
}

MonitActuator::MonitActuator(sd_event* loop, Settings settings, std::string helper, ProcRoot proc)
    : loop_(sd_event_ref(loop)),
      settings_(std::move(settings)),
      helper_(std::move(helper)),
      proc_(std::move(proc)) {}

Status MonitActuator::begin(const Incident& incident, ChildProcess::Done then) {
    const RemedySettings settings = settings_();
    const auto lineage = lineage_of(proc_, incident.latest.process, settings);
    if (!lineage) return lineage.error();
    const auto credentials = read_monit_credentials(settings.monit.credentials_file);
    if (!credentials) return credentials.error();
    const auto request = monit_request(settings.monit, *credentials, *lineage);
    if (!request) return request.error();
    child_ = std::make_unique<ChildProcess>(loop_.get(), settings.monit.timeout + kMargin, kGrace,
                                            std::move(then));
    return child_->start({helper_}, {std::string("PATH=") + ChildProcess::kPath, "LANG=C.UTF-8"}, *request);
}

void MonitActuator::start(const Incident& incident, const RemedyPolicy& /*policy*/, Done done) {
    if (child_ && !child_->finished()) return done(make_error("another restart is under way", EBUSY));
    asked_for_ = incident.id;
    service_.clear();
    const auto shared = std::make_shared<Done>(std::move(done));
    const auto begun = begin(incident, [this, shared](const ChildEnd& end) {
        MonitAnswer answer = read_monit_answer(end);
        service_ = std::move(answer.service);
        (*shared)(std::move(answer.result));
    });
    if (begun) return;
    child_.reset();
    (*shared)(begun.error());
}

std::string MonitActuator::target(const Incident& incident, const RemedyPolicy& policy) const {
    if (!service_.empty() && incident.id == asked_for_) return "monit service " + service_;
    return describe_target(incident, policy);
}

std::unique_ptr<Actuator> make_monit_actuator(sd_event* loop, std::function<RemedySettings()> settings,
                                              std::string helper) {
    return std::make_unique<MonitActuator>(loop, std::move(settings), std::move(helper));
}

}  // namespace sockdog
