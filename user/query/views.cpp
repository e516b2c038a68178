#include "query/views.h"

#include "incident/json_fields.h"

namespace sockdog {
namespace {

using json_fields::member;
using json_fields::read;
using nlohmann::json;

template <typename T>
void read_object(const json& j, const char* name, T& to) {
    if (const auto* v = member(j, name)) from_json(*v, to);
}

template <typename T>
void read_list(const json& j, const char* name, std::vector<T>& to) {
    to.clear();
    const auto* list = member(j, name);
    if (list == nullptr) return;
    if (!list->is_array()) json_fields::wrong(j, name, "not an array");
    to.reserve(list->size());
    for (const auto& item : *list) from_json(item, to.emplace_back());
}

void read_list(const json& j, const char* name, std::vector<std::string>& to) {
    to.clear();
    const auto* list = member(j, name);
    if (list == nullptr) return;
    if (!list->is_array()) json_fields::wrong(j, name, "not an array");
    for (const auto& item : *list) {
        if (!item.is_string()) json_fields::wrong(j, name, "not an array of strings");
        to.push_back(item.get<std::string>());
    }
}

json safe_list(const std::vector<std::string>& texts) {
    json list = json::array();
    for (const auto& text : texts) list.push_back(json_safe(text));
    return list;
}

}  // namespace

void to_json(json& j, const StatusView& v) {
    j = {{"version", json_safe(v.version)},
         {"pid", v.pid},
         {"started_at", format_rfc3339(v.started_at)},
         {"books_since", format_rfc3339(v.books_since)},
         {"books_pinned_at", json_safe(v.books_pinned_at)},
         {"books_not_pinned", json_safe(v.books_not_pinned)},
         {"sockets", v.sockets},
         {"max_sockets", v.max_sockets},
         {"processes", v.processes},
         {"max_processes", v.max_processes},
         {"totals", v.totals},
         {"losses", v.losses},
         {"open_incidents", v.open_incidents},
         {"critical_incidents", v.critical_incidents},
         {"held", v.held ? json(json_safe(*v.held)) : json()},
         {"config_file", json_safe(v.config_file)},
         {"config_loaded_at", format_rfc3339(v.config_loaded_at)},
         {"config_error", json_safe(v.config_error)},
         {"last_revision", v.last_revision},
         {"memory_bytes", v.memory_bytes},
         {"cpu_seconds", v.cpu_seconds},
         {"open_fds", v.open_fds},
         {"cpu_share", v.cpu_share},
         {"throttled", v.throttled},
         {"last_throttled", v.last_throttled ? json(format_rfc3339(*v.last_throttled)) : json()},
         {"walks", v.walks},
         {"loop_lag_seconds", v.loop_lag_seconds},
         {"bpf_runs", v.bpf_runs},
         {"bpf_seconds", v.bpf_seconds},
         {"capabilities", v.capabilities}};
}

void from_json(const json& j, StatusView& v) {
    v = {};
    read(j, "version", v.version);
    read(j, "pid", v.pid);
    read(j, "started_at", v.started_at);
    read(j, "books_since", v.books_since);
    read(j, "books_pinned_at", v.books_pinned_at);
    read(j, "books_not_pinned", v.books_not_pinned);
    read(j, "sockets", v.sockets);
    read(j, "max_sockets", v.max_sockets);
    read(j, "processes", v.processes);
    read(j, "max_processes", v.max_processes);
    read_object(j, "totals", v.totals);
    read_object(j, "losses", v.losses);
    read(j, "open_incidents", v.open_incidents);
    read(j, "critical_incidents", v.critical_incidents);
    if (member(j, "held") != nullptr) read(j, "held", v.held.emplace());
    read(j, "config_file", v.config_file);
    read(j, "config_loaded_at", v.config_loaded_at);
    read(j, "config_error", v.config_error);
    read(j, "last_revision", v.last_revision);
    read(j, "memory_bytes", v.memory_bytes);
    read(j, "cpu_seconds", v.cpu_seconds);
    read(j, "open_fds", v.open_fds);
    read(j, "cpu_share", v.cpu_share);
    read(j, "throttled", v.throttled);
    read(j, "walks", v.walks);
    read(j, "loop_lag_seconds", v.loop_lag_seconds);
    read(j, "bpf_runs", v.bpf_runs);
    read(j, "bpf_seconds", v.bpf_seconds);
    if (member(j, "last_throttled") != nullptr) read(j, "last_throttled", v.last_throttled.emplace());
    read_list(j, "capabilities", v.capabilities);
}

void to_json(json& j, const ProcessView& v) {
    j = {{"owner", v.owner}, {"gauges", v.gauges}, {"incidents", safe_list(v.incidents)}};
}

void from_json(const json& j, ProcessView& v) {
    v = {};
    read_object(j, "owner", v.owner);
    read_object(j, "gauges", v.gauges);
    read_list(j, "incidents", v.incidents);
}

void to_json(json& j, const SocketView& v) {
    j = {{"socket", v.socket},
         {"owner_name", json_safe(v.owner_name)},
         {"comm", json_safe(v.comm)},
         {"opened_at", json_safe(v.opened_at)}};
}

void from_json(const json& j, SocketView& v) {
    v = {};
    from_json(json_fields::required(j, "socket"), v.socket);
    read(j, "owner_name", v.owner_name);
    read(j, "comm", v.comm);
    read(j, "opened_at", v.opened_at);
}

void to_json(json& j, const ExplainView& v) {
    j = {{"process", v.process},
         {"incidents", v.incidents},
         {"sockets", v.sockets},
         {"socket_count", v.socket_count},
         {"notes", safe_list(v.notes)},
         {"fd_limit", v.fd_limit},
         {"policy", json_safe(v.policy)},
         {"call_sites", v.call_sites},
         {"without_call_site", v.without_call_site}};
}

void from_json(const json& j, ExplainView& v) {
    v = {};
    read_object(j, "process", v.process);
    read_list(j, "incidents", v.incidents);
    read_list(j, "sockets", v.sockets);
    read(j, "socket_count", v.socket_count);
    read_list(j, "notes", v.notes);
    read(j, "fd_limit", v.fd_limit);
    read(j, "policy", v.policy);
    read_list(j, "call_sites", v.call_sites);
    read(j, "without_call_site", v.without_call_site);
}

}  // namespace sockdog
