// JSON of what the kernel side says, as the views carry it.
#include <charconv>
#include <cstdio>

#include "incident/json_fields.h"
#include "query/views.h"

namespace sockdog {
namespace {

using json_fields::member;
using json_fields::read;
using json_fields::read_enum;
using json_fields::seconds;
using nlohmann::json;

std::optional<SocketRole> role_from(std::string_view name) {
    for (const auto role :
         {SocketRole::kUnknown, SocketRole::kOpened, SocketRole::kAccepted, SocketRole::kListening}) {
        if (to_string(role) == name) return role;
    }
    return std::nullopt;
}

std::optional<Attribution> attribution_from(std::string_view name) {
    for (const auto attribution : {Attribution::kNone, Attribution::kCaller, Attribution::kListener,
                                   Attribution::kHolder, Attribution::kMoved, Attribution::kInherited}) {
        if (to_string(attribution) == name) return attribution;
    }
    return std::nullopt;
}

json endpoint_json(const Endpoint& endpoint) {
    return endpoint.family == 0 ? "" : endpoint.to_string();
}

void read_endpoint(const json& j, const char* name, Endpoint& to) {
    std::string text;
    read(j, name, text);
    to = {};
    if (text.empty()) return;
    const auto endpoint = parse_endpoint(text);
    if (!endpoint) json_fields::wrong(j, name, "not an endpoint");
    to = *endpoint;
}

/// An address of the kernel is beyond Varlink's int, which is signed: 16 hex digits.
std::string id_text(std::uint64_t id) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(id));
    return text;
}

void read_id(const json& j, const char* name, std::uint64_t& to) {
    std::string text;
    read(j, name, text);
    if (text.empty()) return;
    const char* const end = text.data() + text.size();
    const auto [rest, code] = std::from_chars(text.data(), end, to, 16);
    if (text.size() > 16 || code != std::errc{} || rest != end)
        json_fields::wrong(j, name, "not 16 hexadecimal digits");
}

json mono_json(MonoTime t) {
    return seconds(t.time_since_epoch());
}

void read_mono(const json& j, const char* name, MonoTime& to) {
    Duration since_boot{};
    read(j, name, since_boot);
    to = MonoTime(since_boot);
}

void read_mono(const json& j, const char* name, std::optional<MonoTime>& to) {
    to.reset();
    if (member(j, name) != nullptr) read_mono(j, name, to.emplace());
}

}  // namespace

void to_json(json& j, const Gauges& v) {
    json states = json::object();
    for (std::size_t i = 0; i < kTcpStateCount; ++i) {
        const auto state = static_cast<TcpState>(i);
        if (state != TcpState::kUnknown || v.sockets[i] != 0)
            states[std::string(to_string(state))] = v.sockets[i];
    }
    j = {{"sockets", std::move(states)},
         {"opened", v.opened},
         {"accepted", v.accepted},
         {"closed", v.closed},
         {"peer_closed_first", v.peer_closed_first},
         {"reset", v.reset},
         {"connect_refused", v.connect_refused},
         {"connect_timed_out", v.connect_timed_out},
         {"connect_address_unavailable", v.connect_address_unavailable},
         {"connect_failed_other", v.connect_failed_other},
         {"too_many_files", v.too_many_files},
         {"inherited", v.inherited}};
}

void from_json(const json& j, Gauges& v) {
    v = {};
    if (const auto* states = member(j, "sockets")) {
        if (!states->is_object()) json_fields::wrong(j, "sockets", "not an object");
        for (const auto& [name, count] : states->items()) {
            const auto state = tcp_state_from(name);
            if (!state) json_fields::wrong(j, "sockets", "unknown state " + name);
            read(*states, name.c_str(), v.sockets[static_cast<std::size_t>(*state)]);
        }
    }
    read(j, "opened", v.opened);
    read(j, "accepted", v.accepted);
    read(j, "closed", v.closed);
    read(j, "peer_closed_first", v.peer_closed_first);
    read(j, "reset", v.reset);
    read(j, "connect_refused", v.connect_refused);
    read(j, "connect_timed_out", v.connect_timed_out);
    read(j, "connect_address_unavailable", v.connect_address_unavailable);
    read(j, "connect_failed_other", v.connect_failed_other);
    read(j, "too_many_files", v.too_many_files);
    read(j, "inherited", v.inherited);
}

void to_json(json& j, const LossCounters& v) {
    j = {{"record_refused", v.record_refused},  {"gauge_full", v.gauge_full},
         {"event_dropped", v.event_dropped},    {"trace_dropped", v.trace_dropped},
         {"cas_exhausted", v.cas_exhausted},    {"recursion_missed", v.recursion_missed},
         {"state_repaired", v.state_repaired},  {"phantom_removed", v.phantom_removed},
         {"drift_corrected", v.drift_corrected}};
}

void from_json(const json& j, LossCounters& v) {
    v = {};
    read(j, "record_refused", v.record_refused);
    read(j, "gauge_full", v.gauge_full);
    read(j, "event_dropped", v.event_dropped);
    read(j, "trace_dropped", v.trace_dropped);
    read(j, "cas_exhausted", v.cas_exhausted);
    read(j, "recursion_missed", v.recursion_missed);
    read(j, "state_repaired", v.state_repaired);
    read(j, "phantom_removed", v.phantom_removed);
    read(j, "drift_corrected", v.drift_corrected);
}

void to_json(json& j, const Capability& v) {
    j = {{"name", json_safe(v.name)}, {"hook", json_safe(v.hook)},       {"required", v.required},
         {"available", v.available},  {"without", json_safe(v.without)}, {"detail", json_safe(v.detail)}};
}

void from_json(const json& j, Capability& v) {
    v = {};
    read(j, "name", v.name);
    read(j, "hook", v.hook);
    read(j, "required", v.required);
    read(j, "available", v.available);
    read(j, "without", v.without);
    read(j, "detail", v.detail);
}

void to_json(json& j, const SocketRecord& v) {
    j = {{"id", id_text(v.id)},
         {"owner", v.owner},
         {"state", to_string(v.state)},
         {"role", to_string(v.role)},
         {"attribution", to_string(v.attribution)},
         {"local", endpoint_json(v.local)},
         {"remote", endpoint_json(v.remote)},
         {"netns", v.netns},
         {"cgroup_id", v.cgroup_id},
         {"cookie", v.cookie},
         {"inode", v.inode},
         {"uid", v.uid},
         {"has_fd", v.has_fd},
         {"orphaned", v.orphaned},
         {"holders", v.holders},
         {"opener_pid", v.opener_pid},
         {"opened_monotonic_seconds", v.opened ? mono_json(*v.opened) : json()},
         {"state_since_monotonic_seconds", v.state_since ? mono_json(*v.state_since) : json()},
         {"recv_queue_bytes", v.recv_queue_bytes},
         {"send_queue_bytes", v.send_queue_bytes},
         {"idle_sent_seconds", seconds(v.idle_sent)},
         {"idle_received_seconds", seconds(v.idle_received)},
         {"bytes_received", v.bytes_received},
         {"bytes_acked", v.bytes_acked},
         {"data_segments_in", v.data_segments_in},
         {"data_segments_out", v.data_segments_out}};
}

void from_json(const json& j, SocketRecord& v) {
    v = {};
    read_id(j, "id", v.id);
    if (const auto* owner = member(j, "owner")) from_json(*owner, v.owner);
    read_enum(j, "state", v.state, tcp_state_from);
    read_enum(j, "role", v.role, role_from);
    if (member(j, "attribution") != nullptr) read_enum(j, "attribution", v.attribution, attribution_from);
    read_endpoint(j, "local", v.local);
    read_endpoint(j, "remote", v.remote);
    read(j, "netns", v.netns);
    read(j, "cgroup_id", v.cgroup_id);
    read(j, "cookie", v.cookie);
    read(j, "inode", v.inode);
    read(j, "uid", v.uid);
    read(j, "has_fd", v.has_fd);
    read(j, "orphaned", v.orphaned);
    read(j, "holders", v.holders);
    read(j, "opener_pid", v.opener_pid);
    read_mono(j, "opened_monotonic_seconds", v.opened);
    read_mono(j, "state_since_monotonic_seconds", v.state_since);
    read(j, "recv_queue_bytes", v.recv_queue_bytes);
    read(j, "send_queue_bytes", v.send_queue_bytes);
    read(j, "idle_sent_seconds", v.idle_sent);
    read(j, "idle_received_seconds", v.idle_received);
    read(j, "bytes_received", v.bytes_received);
    read(j, "bytes_acked", v.bytes_acked);
    read(j, "data_segments_in", v.data_segments_in);
    read(j, "data_segments_out", v.data_segments_out);
}

void to_json(json& j, const TraceEvent& v) {
    j = {{"at_monotonic_seconds", mono_json(v.at)},
         {"owner", v.owner},
         {"comm", json_safe(v.comm)},
         {"from", to_string(v.from)},
         {"to", to_string(v.to)},
         {"role", to_string(v.role)},
         {"local", endpoint_json(v.local)},
         {"remote", endpoint_json(v.remote)},
         {"socket_id", id_text(v.socket_id)},
         {"lived_seconds", seconds(v.lived)},
         {"error", v.error}};
}

void from_json(const json& j, TraceEvent& v) {
    v = {};
    read_mono(j, "at_monotonic_seconds", v.at);
    if (const auto* owner = member(j, "owner")) from_json(*owner, v.owner);
    read(j, "comm", v.comm);
    read_enum(j, "from", v.from, tcp_state_from);
    read_enum(j, "to", v.to, tcp_state_from);
    if (member(j, "role") != nullptr) read_enum(j, "role", v.role, role_from);
    read_endpoint(j, "local", v.local);
    read_endpoint(j, "remote", v.remote);
    read_id(j, "socket_id", v.socket_id);
    read(j, "lived_seconds", v.lived);
    std::uint32_t error = 0;  // an errno, never negative
    read(j, "error", error);
    v.error = static_cast<int>(error);
}

}  // namespace sockdog
