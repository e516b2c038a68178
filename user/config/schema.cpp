#include "config/schema.h"

#include <sys/un.h>

namespace sockdog {
namespace {

// Shorter than any use; tests of a host may want to see a leak within seconds.
constexpr Duration kShortest = 100ms;
constexpr Duration kWeek = 24h * 7;
constexpr Duration kYears = 24h * 3650;
// More sockets or processes than any kernel of today holds.
constexpr std::uint64_t kMillion = 1'000'000;

bool is_anything(std::string_view text) {
    return !text.empty();
}

bool is_socket_path(std::string_view text) {
    return is_absolute_path(text) && text.size() < sizeof(sockaddr_un::sun_path);
}

bool is_path_or_empty(std::string_view text) {
    return text.empty() || is_absolute_path(text);
}

template <typename T, typename M>
Kind<T> pattern(M T::*member) {
    return text_where(member, "a shell pattern, not empty", is_anything);
}

template <typename T, typename M>
Kind<T> user(M T::*member) {
    return scalar(member, "a user id, or the name of a user of this host", parse_user);
}

/// The kernel wakes the agent at one limit for all processes: a policy has no `wake` of its own.
enum class Scope { kDefaults, kPolicy };

Schema<CloseWaitLimits> close_wait_schema(Scope scope) {
    Schema<CloseWaitLimits> schema = {
        {"enabled", flag(&CloseWaitLimits::enabled)},
        {"count", count(&CloseWaitLimits::count, 1, kMillion)},
        {"dwell", duration(&CloseWaitLimits::dwell, kShortest, kWeek)},
    };
    if (scope == Scope::kDefaults) schema.push_back({"wake", count(&CloseWaitLimits::wake, 1, kMillion)});
    return schema;
}

Schema<IdleGrowthLimits> idle_growth_schema() {
    return {
        {"enabled", flag(&IdleGrowthLimits::enabled)},
        {"survivors", count(&IdleGrowthLimits::survivors, 1, kMillion)},
        {"windows", count(&IdleGrowthLimits::windows, 1, 1000)},
        {"window", duration(&IdleGrowthLimits::window, kShortest, 24h)},
        {"min_age", duration(&IdleGrowthLimits::min_age, kShortest, kWeek)},
        {"survival", share(&IdleGrowthLimits::survival)},
    };
}

/// The classes whose leak is a number of sockets that stay for a while.
template <typename L>
Schema<L> staying_schema() {
    return {
        {"enabled", flag(&L::enabled)},
        {"count", count(&L::count, 1, kMillion)},
        {"dwell", duration(&L::dwell, kShortest, kWeek)},
    };
}

Schema<ExhaustionLimits> exhaustion_schema() {
    return {{"enabled", flag(&ExhaustionLimits::enabled)}, {"share", share(&ExhaustionLimits::share)}};
}

Schema<ChurnLimits> churn_schema() {
    return {{"enabled", flag(&ChurnLimits::enabled)}, {"idle", count(&ChurnLimits::idle, 1, kMillion)}};
}

Schema<Hysteresis> incident_schema() {
    return {
        {"resolve_after", duration(&Hysteresis::resolve_after, kShortest, kWeek)},
        {"gone_after", duration(&Hysteresis::gone_after, kShortest, kWeek)},
        {"repeat", duration(&Hysteresis::repeat, kShortest, kWeek)},
        {"critical_leaked", count(&Hysteresis::critical_leaked, 1, kMillion)},
    };
}

Schema<RemedyPolicy> remedy_schema() {
    using enum RemedyAction;
    return {
        {"action", choice(&RemedyPolicy::action, {kNone, kSystemdRestart, kMonitRestart, kCommand})},
        {"dry_run", flag(&RemedyPolicy::dry_run)},
        {"sustained", duration(&RemedyPolicy::sustained, kShortest, kWeek)},
        {"min_leaked", count(&RemedyPolicy::min_leaked, 1, kMillion)},
        {"cooldown", duration(&RemedyPolicy::cooldown, kShortest, kWeek)},
        {"budget", count(&RemedyPolicy::budget, 1, 1000)},
        {"budget_window", duration(&RemedyPolicy::budget_window, kShortest, kWeek)},
        {"verify", duration(&RemedyPolicy::verify, kShortest, 24h)},
        {"max_failures", count(&RemedyPolicy::max_failures, 1, 100)},
        {"command", texts(&RemedyPolicy::command, "a list of arguments, none empty")},
        {"command_timeout", duration(&RemedyPolicy::command_timeout, kShortest, 1h)},
    };
}

Schema<PolicyMatch> match_schema() {
    return {
        {"unit", pattern(&PolicyMatch::unit)},
        {"executable", pattern(&PolicyMatch::executable)},
        {"command_line", pattern(&PolicyMatch::command_line)},
        {"uid", user(&PolicyMatch::uid)},
        {"cgroup", pattern(&PolicyMatch::cgroup)},
        {"container", pattern(&PolicyMatch::container)},
    };
}

Schema<Policy> limits_schema(Scope scope) {
    return {
        {"close_wait", section(&Policy::limits, &Limits::close_wait, close_wait_schema(scope))},
        {"idle_growth", section(&Policy::limits, &Limits::idle_growth, idle_growth_schema())},
        {"backlog", section(&Policy::limits, &Limits::backlog, staying_schema<BacklogLimits>())},
        {"dead_fd", section(&Policy::limits, &Limits::dead_fd, staying_schema<DeadFdLimits>())},
        {"half_closed", section(&Policy::limits, &Limits::half_closed, staying_schema<HalfClosedLimits>())},
        {"unused", section(&Policy::limits, &Limits::unused, staying_schema<UnusedLimits>())},
        {"inherited", section(&Policy::limits, &Limits::inherited, staying_schema<InheritedLimits>())},
        {"exhaustion", section(&Policy::limits, &Limits::exhaustion, exhaustion_schema())},
        {"churn", section(&Policy::limits, &Limits::churn, churn_schema())},
        {"incident", section(&Policy::hysteresis, incident_schema())},
        {"call_sites", choice(&Policy::call_sites,
                              {CallSiteWatch::kNever, CallSiteWatch::kSuspects, CallSiteWatch::kAlways})},
    };
}

Schema<BooksSettings> books_schema() {
    constexpr std::uint64_t kLargestRing = 1U << 30;
    return {
        {"max_sockets", count(&BooksSettings::max_sockets, 1024, 1U << 24)},
        {"max_processes", count(&BooksSettings::max_processes, 64, 1U << 20)},
        {"event_buffer_bytes", ring_bytes(&BooksSettings::event_buffer_bytes, kLargestRing)},
        {"trace_buffer_bytes", ring_bytes(&BooksSettings::trace_buffer_bytes, kLargestRing)},
        {"sweep_interval", duration(&BooksSettings::sweep_interval, kShortest, 24h)},
        {"reconcile_interval", duration(&BooksSettings::reconcile_interval, kShortest, 24h)},
        {"syscall_failures",
         choice(&BooksSettings::syscall_failures,
                {SyscallFailures::kNever, SyscallFailures::kSuspects, SyscallFailures::kAlways})},
        {"pinned",
         choice(&BooksSettings::pinned, {KeepBooks::kNever, KeepBooks::kRestart, KeepBooks::kAlways})},
        {"pin_directory", absolute_path(&BooksSettings::pin_directory)},
    };
}

Schema<SamplesSettings> samples_schema() {
    return {
        {"enabled", flag(&SamplesSettings::enabled)},
        {"keep", duration(&SamplesSettings::keep, 1h, kYears)},
        // Less than the samples of an hour of a busy host; more than anybody replays.
        {"max_bytes", bytes(&SamplesSettings::max_bytes, 1ULL << 20, 1ULL << 36)},
    };
}

Schema<MonitSettings> monit_schema() {
    return {
        {"url", text_where(&MonitSettings::url, kMonitUrlExpected, is_monit_url)},
        {"credentials_file",
         text_where(&MonitSettings::credentials_file, "an absolute path", is_path_or_empty)},
        // Of all requests of one action. More, and a firewall that drops would hold up other remedies.
        {"timeout", duration(&MonitSettings::timeout, kShortest, 30s)},
    };
}

Schema<RemedySettings> remedies_schema() {
    const std::string expects = "a list of shell patterns";
    return {
        {"protected_units", texts(&RemedySettings::protected_units, expects, OnRepeat::kAppend)},
        {"protected_executables", texts(&RemedySettings::protected_executables, expects, OnRepeat::kAppend)},
        {"after_boot", duration(&RemedySettings::after_boot, Duration::zero(), 24h)},
        {"monit", section(&RemedySettings::monit, monit_schema())},
    };
}

Schema<Config> control_schema() {
    return {
        {"socket",
         text_where(&Config::control_socket, "an absolute path of up to 107 bytes", is_socket_path)},
        {"group", text_where(&Config::control_group, "the name of a group", is_anything)},
    };
}

Schema<FlapSettings> flap_schema() {
    return {
        {"openings", count(&FlapSettings::openings, 0, 1000)},
        {"window", duration(&FlapSettings::window, kShortest, kWeek)},
        {"hold", duration(&FlapSettings::hold, kShortest, kWeek)},
    };
}

bool is_listen_or_empty(std::string_view text) {
    return text.empty() || parse_listen(std::string(text)).has_value();
}

Schema<WebSettings> web_schema() {
    const auto file = [](std::string WebSettings::*member) {
        return text_where(member, "an absolute path", is_path_or_empty);
    };
    return {
        {"listen", text_where(&WebSettings::listen,
                              "an address with a port, as 127.0.0.1:9743 or [::1]:9743, or \"\": none",
                              is_listen_or_empty)},
        {"tls_certificate", file(&WebSettings::tls_certificate)},
        {"tls_key", file(&WebSettings::tls_key)},
        {"users_file", file(&WebSettings::users_file)},
        {"max_services", count(&WebSettings::max_services, 1, 10'000)},
    };
}

Schema<Config> relay_schema() {
    return {
        {"state_dir", absolute_path(&Config::relay_state_dir)},
        {"socket", text_where(&Config::relay_socket, "an absolute path of up to 107 bytes", is_socket_path)},
        {"flap", section(&Config::flap, flap_schema())},
        {"web", section(&Config::web, web_schema())},
    };
}

Schema<Config> make_config_schema() {
    return {
        {"tick", duration(&Config::tick, kShortest, 10min)},
        {"walk_interval", duration(&Config::walk_interval, kShortest, 1h)},
        {"cpu_share", share(&Config::cpu_share)},
        {"log_level",
         word(&Config::log_level, {"trace", "debug", "info", "warning", "error", "critical", "off"})},
        {"control", group(control_schema())},
        {"state_dir", absolute_path(&Config::state_dir)},
        {"relay", group(relay_schema())},
        {"keep_resolved", duration(&Config::keep_resolved, 1min, kYears)},
        {"samples", section(&Config::samples, samples_schema())},
        {"books", section(&Config::books, books_schema())},
        {"remedies", section(&Config::remedies, remedies_schema())},
        {"defaults", section(&Config::defaults, limits_schema(Scope::kDefaults))},
        {"policies", later<Config>("a list of policies", dotted_keys(policy_schema()))},
        {"receivers", later<Config>("a list of receivers", dotted_keys(receiver_schema()))},
    };
}

Schema<Policy> make_policy_schema() {
    Schema<Policy> schema = {
        {"name", text_where(&Policy::name, kNameExpected, is_name)},
        {"match", section(&Policy::match, match_schema())},
        {"ignore", flag(&Policy::ignore)},
    };
    for (auto& field : limits_schema(Scope::kPolicy)) schema.push_back(std::move(field));
    schema.push_back({"remedy", section(&Policy::remedy, remedy_schema())});
    schema.push_back({"alerts", texts(&Policy::alerts, "a list of names of receivers")});
    return schema;
}

Schema<ReceiverMatch> receiver_match_schema() {
    return {
        {"unit", pattern(&ReceiverMatch::unit)},
        {"class", pattern(&ReceiverMatch::leak_class)},
        {"policy", pattern(&ReceiverMatch::policy)},
        {"container", pattern(&ReceiverMatch::container)},
    };
}

Schema<ReceiverSettings> make_receiver_schema() {
    using enum Severity;
    const auto file = [](std::string ReceiverSettings::*member) {
        return text_where(member, "an absolute path", is_path_or_empty);
    };
    return {
        {"name", text_where(&ReceiverSettings::name, kNameExpected, is_name)},
        {"type", word(&ReceiverSettings::type, receiver_types())},
        {"url", text_where(&ReceiverSettings::url, "a URL", is_anything)},  // more says check_receiver()
        {"url_file", file(&ReceiverSettings::url_file)},
        {"secret_file", file(&ReceiverSettings::secret_file)},
        {"credentials_file", file(&ReceiverSettings::credentials_file)},
        {"ca_file", file(&ReceiverSettings::ca_file)},
        {"subject", text_where(&ReceiverSettings::subject, "a subject of NATS", is_anything)},
        {"command", texts(&ReceiverSettings::command, "a list of arguments, none empty")},
        {"match", section(&ReceiverSettings::match, receiver_match_schema())},
        {"send_resolved", flag(&ReceiverSettings::send_resolved)},
        {"repeat", duration(&ReceiverSettings::repeat, Duration::zero(), kWeek)},
        {"group_wait", duration(&ReceiverSettings::group_wait, Duration::zero(), 1h)},
        {"timeout", duration(&ReceiverSettings::timeout, kShortest, 5min)},
        {"backoff_initial", duration(&ReceiverSettings::backoff_initial, kShortest, 1h)},
        {"backoff_max", duration(&ReceiverSettings::backoff_max, kShortest, kWeek)},
        {"min_severity", choice(&ReceiverSettings::min_severity, {kWarning, kCritical})},
    };
}

}  // namespace

const Schema<Config>& config_schema() {
    static const Schema<Config> schema = make_config_schema();
    return schema;
}

const Schema<Policy>& policy_schema() {
    static const Schema<Policy> schema = make_policy_schema();
    return schema;
}

const Schema<ReceiverSettings>& receiver_schema() {
    static const Schema<ReceiverSettings> schema = make_receiver_schema();
    return schema;
}

}  // namespace sockdog
