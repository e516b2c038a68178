#include "monit/exchange.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "monit/choice.h"
#include "monit/status.h"

namespace sockdog::monit {
namespace {

using nlohmann::json;

// sockdogd keeps the last 4 KiB of what a child writes; a sentence is far shorter.
constexpr std::size_t kLongestReason = 900;
constexpr std::int64_t kLongestTimeoutMs = 60'000;

std::string line(const char* result, const std::string& service, const std::string& reason) {
    // printable() makes up to four bytes of one, and JSON two of a quote or backslash: cut afterwards.
    const json object = {
        {"result", result}, {"service", service}, {"reason", printable(reason).substr(0, kLongestReason)}};
    return object.dump(-1, ' ', true, json::error_handler_t::replace);
}

}  // namespace

Result<Request> parse_request(std::string_view text) {
    try {
        const json object = json::parse(text);
        Request request;
        request.access.url = object.at("url").get<std::string>();
        request.access.socket = object.at("socket").get<std::string>();
        request.access.user = object.at("user").get<std::string>();
        request.access.password = object.at("password").get<std::string>();
        request.lineage = object.at("lineage").get<std::vector<std::uint32_t>>();
        const auto ms = object.at("timeout_ms").get<std::int64_t>();
        if (ms <= 0 || ms > kLongestTimeoutMs) return make_error("timeout_ms is out of range", ERANGE);
        request.timeout = std::chrono::milliseconds(ms);
        return request;
    } catch (const json::exception&) {
        // Not its words: they may quote what was read, and a password is in there.
        return make_error("the request is not what sockdogd writes", EBADMSG);
    }
}

std::string failure_line(const std::string& reason) {
    return line("failed", "", reason);
}

std::string carry_out(const Request& request) {
    const Client client(request.access, request.timeout);
    const auto xml = client.status();
    if (!xml) return failure_line(xml.error().message);
    const auto services = parse_status(*xml);
    if (!services) return failure_line(services.error().message);
    const Choice choice = choose(*services, request.lineage);
    if (!choice.allowed())
        return line("refused", fit_name(choice.service) ? choice.service : "", choice.refusal);
    if (const auto restarted = client.restart(choice.service); !restarted)
        return line("failed", choice.service, restarted.error().message);
    return line("accepted", choice.service, "");
}

}  // namespace sockdog::monit
