#include "incident/json.h"

#include <cmath>

#include "incident/advice.h"
#include "incident/json_fields.h"

namespace sockdog {
namespace {

using json_fields::member;
using json_fields::read;
using json_fields::read_enum;
using json_fields::required;
using json_fields::seconds;
using nlohmann::json;

/// Length of the well-formed UTF-8 sequence at `at` (Unicode table 3-7), 0 where there is none.
std::size_t utf8_length(std::string_view s, std::size_t at) {
    const auto byte = [&](std::size_t i) {
        return static_cast<unsigned char>(at + i < s.size() ? s[at + i] : 0);
    };
    const auto in = [&](std::size_t i, unsigned low, unsigned high) {
        return byte(i) >= low && byte(i) <= high;
    };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return in(1, 0x80, 0xBF) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;   // no overlong forms
        const unsigned high = lead == 0xED ? 0x9F : 0xBF;  // no surrogates
        return in(1, low, high) && in(2, 0x80, 0xBF) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
        const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;  // nothing above U+10FFFF
        return in(1, low, high) && in(2, 0x80, 0xBF) && in(3, 0x80, 0xBF) ? 4 : 0;
    }
    return 0;
}

std::optional<SocketRole> role_from(std::string_view name) {
    for (const auto role :
         {SocketRole::kUnknown, SocketRole::kOpened, SocketRole::kAccepted, SocketRole::kListening}) {
        if (to_string(role) == name) return role;
    }
    return std::nullopt;
}

std::string endpoint_text(const Endpoint& endpoint) {
    return endpoint.family == 0 ? "" : endpoint.to_string();
}

void read_endpoint(const json& j, const char* name, Endpoint& to) {
    std::string text;
    read(j, name, text);
    if (text.empty()) {
        to = Endpoint{};
        return;
    }
    const auto endpoint = parse_endpoint(text);
    if (!endpoint) json_fields::wrong(j, name, "not an endpoint");
    to = *endpoint;
}

/// JSON knows no infinities: nlohmann would write null, which does not read back.
double finite(double v) {
    return std::isfinite(v) ? v : 0.0;
}

template <typename T>
void read_object(const json& j, const char* name, T& to) {
    if (const auto* v = member(j, name)) from_json(*v, to);
}

}  // namespace

std::string json_safe(std::string_view bytes) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size());
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t length = utf8_length(bytes, at);
        if (length > 0) {
            out.append(bytes.substr(at, length));
            at += length;
            continue;
        }
        const auto byte = static_cast<unsigned char>(bytes[at++]);
        out.append("\\x").push_back(kHex[byte >> 4]);
        out.push_back(kHex[byte & 15U]);
    }
    return out;
}

void to_json(json& j, const ProcessId& v) {
    j = {{"pid", v.pid}, {"start_ticks", v.start_ticks}};
}

void from_json(const json& j, ProcessId& v) {
    v = {};
    read(j, "pid", v.pid);
    read(j, "start_ticks", v.start_ticks);
}

void to_json(json& j, const Owner& v) {
    j = {{"process", v.process},
         {"name", json_safe(v.display_name())},  // told, not read back: it follows from the others
         {"alive", v.alive},
         {"comm", json_safe(v.comm)},
         {"executable", json_safe(v.executable)},
         {"command_line", json_safe(v.command_line)},
         {"uid", v.uid},
         {"cgroup", json_safe(v.cgroup)},
         {"unit", json_safe(v.unit)},
         {"user_unit", json_safe(v.user_unit)},
         {"container_id", json_safe(v.container_id)},
         {"container_runtime", json_safe(v.container_runtime)},
         {"pod_uid", json_safe(v.pod_uid)},
         {"bosh_job", json_safe(v.bosh_job)},
         {"bpm_process", json_safe(v.bpm_process)}};
}

void from_json(const json& j, Owner& v) {
    v = {};
    read_object(j, "process", v.process);
    read(j, "alive", v.alive);
    read(j, "comm", v.comm);
    read(j, "executable", v.executable);
    read(j, "command_line", v.command_line);
    read(j, "uid", v.uid);
    read(j, "cgroup", v.cgroup);
    read(j, "unit", v.unit);
    read(j, "user_unit", v.user_unit);
    read(j, "container_id", v.container_id);
    read(j, "container_runtime", v.container_runtime);
    read(j, "pod_uid", v.pod_uid);
    read(j, "bosh_job", v.bosh_job);
    read(j, "bpm_process", v.bpm_process);
}

namespace {

json forecast_json(const Forecast& v) {
    return {{"earliest_seconds", seconds(v.earliest)},
            {"latest_seconds", v.latest ? json(seconds(*v.latest)) : json()}};
}

json supply_json(const std::optional<Supply>& v) {
    if (!v) return {};
    return {{"used", v->used},
            {"limit", v->limit},
            {"growth_per_minute", finite(v->growth_per_minute)},
            {"runs_out", v->runs_out ? forecast_json(*v->runs_out) : json()}};
}

void read_supply(const json& j, const char* name, std::optional<Supply>& to) {
    to.reset();
    const json* const v = member(j, name);
    if (v == nullptr) return;
    Supply& supply = to.emplace();
    read(*v, "used", supply.used);
    read(*v, "limit", supply.limit);
    read(*v, "growth_per_minute", supply.growth_per_minute);
    const json* const runs_out = member(*v, "runs_out");
    if (runs_out == nullptr) return;
    Forecast& forecast = supply.runs_out.emplace();
    read(*runs_out, "earliest_seconds", forecast.earliest);
    if (member(*runs_out, "latest_seconds") != nullptr)
        read(*runs_out, "latest_seconds", forecast.latest.emplace());
}

}  // namespace

void to_json(json& j, const Victim& v) {
    j = {{"process", v.process},
         {"name", json_safe(v.name)},
         {"failures", v.failures},
         {"first", format_rfc3339(v.first)},
         {"last", format_rfc3339(v.last)}};
}

void from_json(const json& j, Victim& v) {
    v = {};
    read_object(j, "process", v.process);
    read(j, "name", v.name);
    read(j, "failures", v.failures);
    read(j, "first", v.first);
    read(j, "last", v.last);
}

void to_json(json& j, const Finding& v) {
    json places = json::array();
    for (const CodePlace& one : v.opened_by)
        places.push_back({{"place", json_safe(one.place)}, {"sockets", one.sockets}});
    j = {{"class", to_string(v.leak_class)},
         {"severity", to_string(v.severity)},
         {"process", v.process},
         {"role", to_string(v.role)},
         {"endpoint", endpoint_text(v.endpoint)},
         {"netns", v.netns},
         {"leaked", v.leaked},
         {"close_wait", v.close_wait},
         {"established", v.established},
         {"idle", v.idle},
         {"oldest_dwell_seconds", seconds(v.oldest_dwell)},
         {"slope_per_minute", finite(v.slope_per_minute)},
         {"window_seconds", seconds(v.window)},
         {"opened_in_window", v.opened_in_window},
         {"closed_in_window", v.closed_in_window},
         {"recv_queue_median_bytes", v.recv_queue_median},
         {"recv_queue_max_bytes", v.recv_queue_max},
         {"requests_per_connection", finite(v.requests_per_connection)},
         {"busy_median_seconds", seconds(v.busy_median)},
         {"growing_windows", v.growing_windows},
         {"opened_by", std::move(places)},
         {"opener_pid", v.opener_pid},
         {"opener_name", json_safe(v.opener_name)},
         {"backlog_limit", v.backlog_limit},
         {"plateau_age_seconds", seconds(v.plateau_age)},
         {"cause", v.cause ? json(to_string(*v.cause)) : json()},
         {"ports", supply_json(v.ports)},
         {"fds", supply_json(v.fds)},
         {"failures", v.failures},
         {"victims", v.victims},
         {"advice", advice(v)}};  // told, not read back
}

void from_json(const json& j, Finding& v) {
    v = {};
    read_enum(j, "class", v.leak_class, leak_class_from);
    read_enum(j, "severity", v.severity, severity_from);
    read_object(j, "process", v.process);
    read_enum(j, "role", v.role, role_from);
    read_endpoint(j, "endpoint", v.endpoint);
    read(j, "netns", v.netns);
    read(j, "leaked", v.leaked);
    read(j, "close_wait", v.close_wait);
    read(j, "established", v.established);
    read(j, "idle", v.idle);
    read(j, "oldest_dwell_seconds", v.oldest_dwell);
    read(j, "slope_per_minute", v.slope_per_minute);
    read(j, "window_seconds", v.window);
    read(j, "opened_in_window", v.opened_in_window);
    read(j, "closed_in_window", v.closed_in_window);
    read(j, "recv_queue_median_bytes", v.recv_queue_median);
    read(j, "recv_queue_max_bytes", v.recv_queue_max);
    read(j, "requests_per_connection", v.requests_per_connection);
    read(j, "busy_median_seconds", v.busy_median);
    read(j, "growing_windows", v.growing_windows);
    if (const auto* places = member(j, "opened_by")) {
        if (!places->is_array()) json_fields::wrong(j, "opened_by", "not an array");
        for (const auto& place : *places) {
            CodePlace& one = v.opened_by.emplace_back();
            read(place, "place", one.place);
            read(place, "sockets", one.sockets);
        }
    }
    read(j, "opener_pid", v.opener_pid);
    read(j, "opener_name", v.opener_name);
    read(j, "backlog_limit", v.backlog_limit);
    read(j, "plateau_age_seconds", v.plateau_age);
    if (member(j, "cause") != nullptr) read_enum(j, "cause", v.cause.emplace(), leak_class_from);
    read_supply(j, "ports", v.ports);
    read_supply(j, "fds", v.fds);
    read(j, "failures", v.failures);
    if (const auto* victims = member(j, "victims")) {
        if (!victims->is_array()) json_fields::wrong(j, "victims", "not an array");
        for (const auto& victim : *victims) from_json(victim, v.victims.emplace_back());
    }
}

void to_json(json& j, const RemedyReport& v) {
    j = {{"outcome", to_string(v.outcome)}, {"action", json_safe(v.action)}, {"target", json_safe(v.target)},
         {"reason", json_safe(v.reason)},   {"attempt", v.attempt},          {"process", v.process},
         {"at", format_rfc3339(v.at)},      {"needs_person", v.needs_person}};
}

void from_json(const json& j, RemedyReport& v) {
    v = {};
    read_enum(j, "outcome", v.outcome, remedy_outcome_from);
    read(j, "action", v.action);
    read(j, "target", v.target);
    read(j, "reason", v.reason);
    read(j, "attempt", v.attempt);
    read_object(j, "process", v.process);
    read(j, "at", v.at);
    read(j, "needs_person", v.needs_person);
}

void to_json(json& j, const Incident& v) {
    j = {{"id", json_safe(v.id)},
         {"key", json_safe(v.key)},
         {"policy", json_safe(v.policy)},
         {"open", v.open()},                  // told, not read back
         {"summary", json_safe(summary(v))},  // likewise
         {"owner", v.owner},
         {"first", v.first},
         {"latest", v.latest},
         {"worst", v.worst},
         {"opened_at", format_rfc3339(v.opened_at)},
         {"updated_at", format_rfc3339(v.updated_at)},
         {"resolved_at", v.resolved_at ? json(format_rfc3339(*v.resolved_at)) : json()},
         {"resolve_reason", json_safe(v.resolve_reason)},
         {"remedies", v.remedies}};
}

void from_json(const json& j, Incident& v) {
    v = {};
    required(j, "id");
    read(j, "id", v.id);
    read(j, "key", v.key);
    read(j, "policy", v.policy);
    read_object(j, "owner", v.owner);
    from_json(required(j, "first"), v.first);
    from_json(required(j, "latest"), v.latest);
    from_json(required(j, "worst"), v.worst);
    read(j, "opened_at", v.opened_at);
    read(j, "updated_at", v.updated_at);
    if (member(j, "resolved_at") != nullptr) {
        v.resolved_at.emplace();
        read(j, "resolved_at", *v.resolved_at);
    }
    read(j, "resolve_reason", v.resolve_reason);
    if (const auto* remedies = member(j, "remedies")) {
        if (!remedies->is_array()) json_fields::wrong(j, "remedies", "not an array");
        for (const auto& remedy : *remedies) from_json(remedy, v.remedies.emplace_back());
    }
}

void to_json(json& j, const Revision& v) {
    j = {{"number", v.number},
         {"kind", to_string(v.kind)},
         {"at", format_rfc3339(v.at)},
         {"incident", v.incident}};
}

void from_json(const json& j, Revision& v) {
    v = {};
    read(j, "number", v.number);
    read_enum(j, "kind", v.kind, revision_kind_from);
    read(j, "at", v.at);
    from_json(required(j, "incident"), v.incident);
}

}  // namespace sockdog
