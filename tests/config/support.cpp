#include "support.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "base/text.h"

namespace sockdog::test {
namespace {

class Words {
  public:
    template <typename T>
    Words& add(const char* key, const T& value) {
        text_ << key << '=' << value << '\n';
        return *this;
    }
    Words& add(const char* key, Duration value) { return add(key, value.count()); }
    Words& add(const char* key, const std::vector<std::string>& values) {
        text_ << key << '=';
        for (const auto& value : values) text_ << '[' << value << ']';
        text_ << '\n';
        return *this;
    }
    template <typename T>
    Words& add(const char* key, const std::optional<T>& value) {
        return value ? add(key, *value) : add(key, "(unset)");
    }
    [[nodiscard]] std::string text() const { return text_.str(); }

  private:
    std::ostringstream text_;
};

void add_limits(Words& words, const Limits& limits, const Hysteresis& hysteresis) {
    words.add("close_wait.enabled", limits.close_wait.enabled)
        .add("close_wait.count", limits.close_wait.count)
        .add("close_wait.dwell", limits.close_wait.dwell)
        .add("close_wait.wake", limits.close_wait.wake)
        .add("idle_growth.enabled", limits.idle_growth.enabled)
        .add("idle_growth.survivors", limits.idle_growth.survivors)
        .add("idle_growth.windows", limits.idle_growth.windows)
        .add("idle_growth.window", limits.idle_growth.window)
        .add("idle_growth.min_age", limits.idle_growth.min_age)
        .add("idle_growth.survival", limits.idle_growth.survival)
        .add("incident.resolve_after", hysteresis.resolve_after)
        .add("incident.gone_after", hysteresis.gone_after)
        .add("incident.repeat", hysteresis.repeat)
        .add("incident.critical_leaked", hysteresis.critical_leaked);
}

void add_remedy(Words& words, const RemedyPolicy& remedy) {
    words.add("remedy.action", to_string(remedy.action))
        .add("remedy.dry_run", remedy.dry_run)
        .add("remedy.sustained", remedy.sustained)
        .add("remedy.min_leaked", remedy.min_leaked)
        .add("remedy.cooldown", remedy.cooldown)
        .add("remedy.budget", remedy.budget)
        .add("remedy.budget_window", remedy.budget_window)
        .add("remedy.verify", remedy.verify)
        .add("remedy.max_failures", remedy.max_failures)
        .add("remedy.command", remedy.command)
        .add("remedy.command_timeout", remedy.command_timeout);
}

void add_receiver(Words& words, const ReceiverSettings& receiver) {
    words.add("receiver", receiver.name)
        .add("type", receiver.type)
        .add("url", receiver.url)
        .add("secret_file", receiver.secret_file)
        .add("url_file", receiver.url_file)
        .add("credentials_file", receiver.credentials_file)
        .add("ca_file", receiver.ca_file)
        .add("subject", receiver.subject)
        .add("command", receiver.command)
        .add("match", receiver.match.unit + "|" + receiver.match.leak_class + "|" + receiver.match.policy +
                          "|" + receiver.match.container)
        .add("send_resolved", receiver.send_resolved)
        .add("repeat", receiver.repeat.value_or(-1ns))
        .add("group_wait", receiver.group_wait.value_or(-1ns))
        .add("timeout", receiver.timeout)
        .add("backoff_initial", receiver.backoff_initial)
        .add("backoff_max", receiver.backoff_max)
        .add("min_severity", to_string(receiver.min_severity));
}

}  // namespace

std::vector<std::string> complaints(std::string_view yaml) {
    const auto config = parse_config(yaml, "t");
    if (config.ok()) return {};
    return split(config.error().message, '\n');
}

Config parsed(std::string_view yaml) {
    auto config = parse_config(yaml, "t");
    if (config.ok()) return std::move(config).value();
    ADD_FAILURE() << config.error().message;
    return {};
}

std::string in_words(const Policy& policy) {
    Words words;
    words.add("policy", policy.name)
        .add("match.unit", policy.match.unit)
        .add("match.executable", policy.match.executable)
        .add("match.command_line", policy.match.command_line)
        .add("match.uid", policy.match.uid)
        .add("match.cgroup", policy.match.cgroup)
        .add("match.container", policy.match.container)
        .add("ignore", policy.ignore)
        .add("call_sites", to_string(policy.call_sites));
    add_limits(words, policy.limits, policy.hysteresis);
    add_remedy(words, policy.remedy);
    words.add("alerts", policy.alerts);
    return words.text();
}

std::string in_words(const Config& config) {
    Words words;
    words.add("tick", config.tick)
        .add("walk_interval", config.walk_interval)
        .add("log_level", config.log_level)
        .add("control.socket", config.control_socket)
        .add("control.group", config.control_group)
        .add("state_dir", config.state_dir)
        .add("relay.state_dir", config.relay_state_dir)
        .add("keep_resolved", config.keep_resolved)
        .add("samples.enabled", config.samples.enabled)
        .add("samples.keep", config.samples.keep)
        .add("samples.max_bytes", config.samples.max_bytes)
        .add("books.max_sockets", config.books.max_sockets)
        .add("books.max_processes", config.books.max_processes)
        .add("books.event_buffer_bytes", config.books.event_buffer_bytes)
        .add("books.trace_buffer_bytes", config.books.trace_buffer_bytes)
        .add("books.sweep_interval", config.books.sweep_interval)
        .add("books.reconcile_interval", config.books.reconcile_interval)
        .add("books.syscall_failures", to_string(config.books.syscall_failures))
        .add("books.pinned", to_string(config.books.pinned))
        .add("books.pin_directory", config.books.pin_directory)
        .add("remedies.protected_units", config.remedies.protected_units)
        .add("remedies.protected_executables", config.remedies.protected_executables)
        .add("remedies.after_boot", config.remedies.after_boot)
        .add("remedies.monit.url", config.remedies.monit.url)
        .add("remedies.monit.credentials_file", config.remedies.monit.credentials_file)
        .add("remedies.monit.timeout", config.remedies.monit.timeout);
    words.add("relay_socket", config.relay_socket.string())
        .add("flap", std::to_string(config.flap.openings) + " " + format_duration(config.flap.window) + " " +
                         format_duration(config.flap.hold))
        .add("web", config.web.listen + "|" + config.web.tls_certificate + "|" + config.web.tls_key + "|" +
                        config.web.users_file + "|" + std::to_string(config.web.max_services));
    for (const auto& receiver : config.receivers) add_receiver(words, receiver);
    std::string text = words.text() + in_words(config.defaults);
    for (const auto& policy : config.policies) text += in_words(policy);
    return text;
}

Folder::Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sockdog-config-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::filesystem::filesystem_error("mkdtemp", {});
    path_ = pattern;
}

Folder::~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path Folder::write(const std::string& name, std::string_view content) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    ::chmod(file.c_str(), 0644);
    return file;
}

std::string read_source(const std::string& name) {
    std::ifstream file(std::string(SOCKDOG_SOURCE_DIR) + '/' + name, std::ios::binary);
    EXPECT_TRUE(file.is_open()) << name;
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace sockdog::test
