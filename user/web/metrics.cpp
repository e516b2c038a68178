#include "web/metrics.h"

#include <prometheus/text_serializer.h>

#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <sstream>

#include "incident/json.h"
#include "relay/severity.h"

namespace sockdog {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Collector {
  public:
    void gauge(const std::string& name, const std::string& help, double value, Labels labels = {}) {
        ClientMetric metric;
        metric.gauge.value = value;
        add(name, help, MetricType::Gauge, std::move(metric), std::move(labels));
    }
    void counter(const std::string& name, const std::string& help, double value, Labels labels = {}) {
        ClientMetric metric;
        metric.counter.value = value;
        add(name, help, MetricType::Counter, std::move(metric), std::move(labels));
    }
    std::vector<MetricFamily> take() {
        std::vector<MetricFamily> all;
        for (auto& [name, family] : families_) all.push_back(std::move(family));
        return all;
    }

  private:
    void add(const std::string& name, const std::string& help, MetricType type, ClientMetric metric,
             Labels labels) {
        MetricFamily& family = families_[name];
        family.name = name;
        family.help = help;
        family.type = type;
        metric.label = std::move(labels);
        family.metric.push_back(std::move(metric));
    }
    std::map<std::string, MetricFamily> families_;
};

Labels labels_of(const ServiceName& name) {
    return {{"unit", name.unit}, {"executable", name.executable}, {"container", name.container}};
}

Labels with(Labels labels, const std::string& name, std::string_view value) {
    labels.push_back({name, std::string(value)});
    return labels;
}

double number(auto value) {
    return static_cast<double>(value);
}

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

double unix_time(WallTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// States that are there from the first scrape on; others as they are met.
bool always_shown(TcpState state) {
    return state == TcpState::kEstablished || state == TcpState::kCloseWait || state == TcpState::kClose;
}

void add_service(Collector& to, const ServiceCount& service) {
    const Labels labels = labels_of(service.name);
    const Gauges& g = service.gauges;
    for (std::size_t i = 1; i < kTcpStateCount; ++i) {
        const auto state = static_cast<TcpState>(i);
        if (g.in(state) > 0 || always_shown(state))
            to.gauge("sockdog_sockets", "TCP sockets by state, as of now", g.in(state),
                     with(labels, "state", to_string(state)));
    }
    to.counter("sockdog_connections_opened_total", "connect() calls that sent a SYN", number(g.opened),
               labels);
    to.counter("sockdog_connections_accepted_total", "Connections that listeners of the service took",
               number(g.accepted), labels);
    to.counter("sockdog_sockets_closed_total", "TCP sockets destroyed", number(g.closed), labels);
    to.counter("sockdog_peer_closed_first_total", "Connections whose peer closed first",
               number(g.peer_closed_first), labels);
    for (const auto& [reason, count] :
         {std::pair("refused", g.connect_refused), std::pair("timed_out", g.connect_timed_out),
          std::pair("no_local_port", g.connect_address_unavailable),
          std::pair("other", g.connect_failed_other)})
        to.counter("sockdog_connect_failures_total", "Connection attempts that failed", number(count),
                   with(labels, "reason", reason));
}

void add_services(Collector& to, const AgentState& agent, Services& services) {
    for (const ServiceCount& service : services.count(agent.processes)) add_service(to, service);
    to.gauge("sockdog_services_beyond_limit", "Services that are added up under unit=\"(other)\"",
             number(services.overflow()));
}

struct OpenCount {
    std::uint32_t incidents = 0;
    std::uint64_t leaked = 0;
    std::optional<Duration> ports_end;
    std::optional<Duration> fds_end;
};

void nearer(std::optional<Duration>& end, const std::optional<Supply>& supply) {
    if (!supply) return;
    if (supply->gone()) end = Duration::zero();
    if (supply->runs_out)
        end = std::min(end.value_or(supply->runs_out->earliest), supply->runs_out->earliest);
}

void add_incidents(Collector& to, const AgentState& agent, std::size_t most) {
    std::map<std::tuple<ServiceName, std::string, std::string>, OpenCount> counts;
    for (const Incident& incident : agent.open) {
        ServiceName service = service_of(incident.owner);
        const std::string leak_class(to_string(incident.latest.leak_class));
        const std::string severity(to_string(severity_of(incident)));
        auto key = std::tuple(service, leak_class, severity);
        if (counts.size() >= most && !counts.contains(key)) std::get<0>(key) = kOtherServices;
        OpenCount& count = counts[key];
        ++count.incidents;
        count.leaked += incident.latest.leaked;
        nearer(count.ports_end, incident.latest.ports);
        nearer(count.fds_end, incident.latest.fds);
    }
    for (const auto& [key, count] : counts) {
        const auto& [service, leak_class, severity] = key;
        const Labels labels = with(with(labels_of(service), "class", leak_class), "severity", severity);
        to.gauge("sockdog_incidents_open", "Incidents that are open", count.incidents, labels);
        to.gauge("sockdog_leaked_sockets", "Sockets that count as leaked in open incidents",
                 number(count.leaked), labels);
        for (const auto& [resource, end] :
             {std::pair("ports", count.ports_end), std::pair("fds", count.fds_end)}) {
            if (end)
                to.gauge("sockdog_exhaustion_earliest_seconds",
                         "When local ports or file descriptors run out at the earliest, from now",
                         seconds(*end), with(labels, "resource", resource));
        }
    }
    // There from the first scrape on, so that rules find a zero and not nothing.
    for (const LeakClass leak_class : kLeakClasses) {
        std::uint32_t open = 0;
        for (const Incident& incident : agent.open) open += incident.latest.leak_class == leak_class ? 1 : 0;
        to.gauge("sockdog_incidents_open_by_class", "Incidents that are open, of all services", open,
                 {{"class", std::string(to_string(leak_class))}});
    }
}

void add_agent(Collector& to, const StatusView& s) {
    to.gauge("sockdog_agent_info", "1; the version is in the label", 1, {{"version", s.version}});
    to.gauge("sockdog_agent_start_time_seconds", "When sockdogd started, since 1970",
             unix_time(s.started_at));
    to.gauge("sockdog_books_since_seconds", "Since when the books are kept, since 1970",
             unix_time(s.books_since));
    to.gauge("sockdog_books_sockets", "Sockets in the books", number(s.sockets));
    to.gauge("sockdog_books_sockets_max", "Sockets that fit into the books", number(s.max_sockets));
    to.gauge("sockdog_books_processes", "Processes in the books", s.processes);
    to.gauge("sockdog_books_processes_max", "Processes that fit into the books", s.max_processes);
    const LossCounters& l = s.losses;
    for (const auto& [cause, count] :
         {std::pair("record_refused", l.record_refused), std::pair("gauge_full", l.gauge_full),
          std::pair("event_dropped", l.event_dropped), std::pair("trace_dropped", l.trace_dropped),
          std::pair("cas_exhausted", l.cas_exhausted)})
        to.counter("sockdog_agent_lost_total", "What the books could not keep, by cause", number(count),
                   {{"cause", cause}});
    for (const auto& [kind, count] :
         {std::pair("recursion_missed", l.recursion_missed), std::pair("state_repaired", l.state_repaired),
          std::pair("phantom_removed", l.phantom_removed), std::pair("drift_corrected", l.drift_corrected)})
        to.counter("sockdog_agent_repairs_total", "What the books missed and put right, by kind",
                   number(count), {{"kind", kind}});
    to.gauge("sockdog_agent_resident_memory_bytes", "Memory of sockdogd", number(s.memory_bytes));
    to.counter("sockdog_agent_cpu_seconds_total", "CPU time of sockdogd", s.cpu_seconds);
    to.gauge("sockdog_agent_open_fds", "File descriptors of sockdogd", s.open_fds);
    to.counter("sockdog_agent_walks_total", "Walks over the sockets of suspects", number(s.walks));
    to.counter("sockdog_agent_throttled_total", "Walks put off to keep within cpu_share",
               number(s.throttled));
    to.gauge("sockdog_agent_loop_lag_seconds", "Longest turn of its loop within the last minute",
             s.loop_lag_seconds);
    to.counter("sockdog_agent_bpf_runs_total", "Runs of its BPF programs; 0 unless kernel.bpf_stats_enabled",
               number(s.bpf_runs));
    to.counter("sockdog_agent_bpf_seconds_total",
               "Time in its BPF programs; 0 unless kernel.bpf_stats_enabled", s.bpf_seconds);
    to.gauge("sockdog_agent_remedies_held", "1 while remedies are on hold", s.held ? 1 : 0);
    to.gauge("sockdog_agent_config_error", "1 where the last reload was refused",
             s.config_error.empty() ? 0 : 1);
}

void add_relay(Collector& to, const RelayStats& relay) {
    to.gauge("sockdog_relay_connected", "1 while the relay follows the journal of sockdogd",
             relay.connected ? 1 : 0);
    to.gauge("sockdog_relay_cursor", "Last revision that the relay took", number(relay.cursor));
    to.counter("sockdog_relay_unreadable_total", "Revisions that made no sense and were skipped",
               number(relay.unreadable));
    to.counter("sockdog_relay_dropped_total", "Alerts dropped to keep the outbox within its size",
               number(relay.dropped));
    to.counter("sockdog_relay_silenced_total", "Incidents kept back by a silence when they opened",
               number(relay.silenced));
    to.gauge("sockdog_relay_silences", "Silences that hold now", number(relay.silences.size()));
    to.counter("sockdog_relay_flapped_total", "Incidents kept back because they flap", number(relay.flapped));
    for (const ReceiverStats& one : relay.receivers) {
        const Labels labels{{"receiver", one.name}, {"type", one.type}};
        to.counter("sockdog_relay_delivered_total", "Alerts that the receiver took", number(one.delivered),
                   labels);
        to.counter("sockdog_relay_failed_attempts_total", "Attempts that are tried again",
                   number(one.failed_attempts), labels);
        to.counter("sockdog_relay_dead_letters_total", "Alerts that were given up", number(one.dead_letters),
                   labels);
        to.gauge("sockdog_relay_pending", "Alerts that wait", number(one.pending), labels);
    }
}

std::string value_text(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Inf" : "+Inf";
    std::array<char, 64> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), end};
}

std::string escaped(const std::string& text, bool quotes) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || (quotes && c == '"')) out += '\\';
        out += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return out;
}

/// prometheus-cpp knows the older format only: there a counter's family has its suffix, here its samples.
std::string open_metrics(const std::vector<MetricFamily>& families) {
    constexpr std::string_view kTotal = "_total";
    std::string out;
    for (const MetricFamily& family : families) {
        const bool counter = family.type == MetricType::Counter;
        std::string name = family.name;
        if (counter && name.ends_with(kTotal)) name.resize(name.size() - kTotal.size());
        out += "# TYPE " + name + (counter ? " counter\n" : " gauge\n");
        out += "# HELP " + name + " " + escaped(family.help, true) + "\n";
        for (const ClientMetric& metric : family.metric) {
            out += name + (counter ? std::string(kTotal) : "");
            std::string labels;
            for (const auto& label : metric.label)
                labels +=
                    (labels.empty() ? "" : ",") + label.name + "=\"" + escaped(label.value, true) + "\"";
            if (!labels.empty()) out += "{" + labels + "}";
            out += " " + value_text(counter ? metric.counter.value : metric.gauge.value) + "\n";
        }
    }
    return out + "# EOF\n";
}

}  // namespace

std::vector<MetricFamily> collect_metrics(const AgentState& agent, const RelayStats& relay,
                                          Services& services) {
    constexpr std::size_t kMostIncidentGroups = 200;
    Collector to;
    to.gauge("sockdog_agent_up", "1 where sockdogd answers the relay", agent.up ? 1 : 0);
    if (agent.up) {
        add_services(to, agent, services);
        add_incidents(to, agent, kMostIncidentGroups);
        add_agent(to, agent.status);
    }
    add_relay(to, relay);
    return to.take();
}

Exposition expose(const std::vector<MetricFamily>& families, const std::string& accept) {
    if (accept.find("application/openmetrics-text") != std::string::npos)
        return {open_metrics(families), "application/openmetrics-text; version=1.0.0; charset=utf-8"};
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families);
    return {out.str(), "text/plain; version=0.0.4; charset=utf-8"};
}

}  // namespace sockdog
