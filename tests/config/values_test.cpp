// Good files, and what they mean.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.h"

namespace sockdog::test {
namespace {

TEST(ConfigValues, NothingInAFileGivesTheDefaults) {
    const std::string defaults = in_words(Config{});
    for (const std::string yaml :
         {"", "\n\n", "# only a comment\n", "---\n", "~\n", "{}\n", "books:\npolicies:\n",
          "\xef\xbb\xbf# with a byte order mark\n", "defaults:\n  close_wait:\n"}) {
        EXPECT_EQ(in_words(parsed(yaml)), defaults) << yaml;
    }
}

constexpr const char* kEveryKey = R"(
tick: 2s
walk_interval: 1m30s
log_level: debug
control: {socket: /run/x/control, group: wheel}
state_dir: /srv/a
relay: {state_dir: /srv/b}
keep_resolved: 7d
samples: {enabled: no, keep: 2d, max_bytes: 100MiB}
books:
  max_sockets: 2048
  max_processes: 128
  event_buffer_bytes: 128KiB
  trace_buffer_bytes: 1048576
  sweep_interval: 1s
  reconcile_interval: 1h
  syscall_failures: always
  pinned: never
  pin_directory: /run/bpf/mine
remedies:
  protected_units: ["db*.service", other.service]
  protected_executables: [/usr/bin/db]
defaults:
  close_wait: {enabled: false, count: 9, dwell: 61s, wake: 65}
  idle_growth: {enabled: No, survivors: 33, windows: 4, window: 30s, min_age: 62s, survival: 1}
  incident: {resolve_after: 1m, gone_after: 1s, repeat: 2m, critical_leaked: 5}
  call_sites: never
policies:
  - name: web-1.2_x
    match: {unit: "w*", executable: /a, command_line: "* x", uid: root, cgroup: /c, container: abc}
    ignore: true
    close_wait: {count: 10}
    idle_growth: {window: 45s}
    incident: {repeat: 3m}
    remedy:
      action: command
      dry_run: false
      sustained: 1m
      min_leaked: 3
      cooldown: 2m
      budget: 4
      budget_window: 2h
      verify: 3m
      max_failures: 1
      command: [/bin/echo, "a b", 7]
      command_timeout: 5s
    alerts: [ops]
receivers:
  - name: ops
    type: webhook
    url: HTTPS://[::1]:8443/x?y=z
    secret_file: /run/secret
    ca_file: /run/ca
    timeout: 1s
    backoff_initial: 500ms
    backoff_max: 1m
    min_severity: critical
)";

TEST(ConfigValues, EveryKeyReachesItsMember) {
    const Config config = parsed(kEveryKey);
    EXPECT_EQ(config.file, "t");
    EXPECT_EQ(config.tick, 2s);
    EXPECT_EQ(config.walk_interval, 90s);
    EXPECT_EQ(config.log_level, "debug");
    EXPECT_EQ(config.control_socket, "/run/x/control");
    EXPECT_EQ(config.control_group, "wheel");
    EXPECT_EQ(config.state_dir, "/srv/a");
    EXPECT_EQ(config.relay_state_dir, "/srv/b");
    EXPECT_EQ(config.keep_resolved, 24h * 7);
    EXPECT_FALSE(config.samples.enabled);
    EXPECT_EQ(config.samples.keep, Duration(48h));
    EXPECT_EQ(config.samples.max_bytes, 100U << 20);
    EXPECT_EQ(config.books.max_sockets, 2048U);
    EXPECT_EQ(config.books.max_processes, 128U);
    EXPECT_EQ(config.books.event_buffer_bytes, 131072U);
    EXPECT_EQ(config.books.trace_buffer_bytes, 1048576U);
    EXPECT_EQ(config.books.sweep_interval, 1s);
    EXPECT_EQ(config.books.reconcile_interval, 1h);
    EXPECT_EQ(config.books.syscall_failures, SyscallFailures::kAlways);
    EXPECT_EQ(config.books.pinned, KeepBooks::kNever);
    EXPECT_EQ(config.books.pin_directory, "/run/bpf/mine");
    EXPECT_THAT(config.remedies.protected_units, testing::ElementsAre("db*.service", "other.service"));
    EXPECT_THAT(config.remedies.protected_executables, testing::ElementsAre("/usr/bin/db"));
    // Each of the rest differs from its default, so a member that no key reaches shows as an equal line.
    ASSERT_EQ(config.policies.size(), 1U);
    EXPECT_EQ(in_words(config.policies[0]), R"(policy=web-1.2_x
match.unit=w*
match.executable=/a
match.command_line=* x
match.uid=0
match.cgroup=/c
match.container=abc
ignore=1
call_sites=never
close_wait.enabled=0
close_wait.count=10
close_wait.dwell=61000000000
close_wait.wake=65
idle_growth.enabled=0
idle_growth.survivors=33
idle_growth.windows=4
idle_growth.window=45000000000
idle_growth.min_age=62000000000
idle_growth.survival=1
incident.resolve_after=60000000000
incident.gone_after=1000000000
incident.repeat=180000000000
incident.critical_leaked=5
remedy.action=command
remedy.dry_run=0
remedy.sustained=60000000000
remedy.min_leaked=3
remedy.cooldown=120000000000
remedy.budget=4
remedy.budget_window=7200000000000
remedy.verify=180000000000
remedy.max_failures=1
remedy.command=[/bin/echo][a b][7]
remedy.command_timeout=5000000000
alerts=[ops]
)");
}

TEST(ConfigValues, AReceiverIsReadWhole) {
    const Config config = parsed(kEveryKey);
    ASSERT_EQ(config.receivers.size(), 1U);
    const ReceiverSettings& receiver = config.receivers[0];
    EXPECT_EQ(receiver.name, "ops");
    EXPECT_EQ(receiver.url, "HTTPS://[::1]:8443/x?y=z");
    EXPECT_EQ(receiver.secret_file, "/run/secret");
    EXPECT_EQ(receiver.ca_file, "/run/ca");
    EXPECT_EQ(receiver.timeout, 1s);
    EXPECT_EQ(receiver.backoff_initial, 500ms);
    EXPECT_EQ(receiver.backoff_max, 1min);
    EXPECT_EQ(receiver.min_severity, Severity::kCritical);
}

TEST(ConfigValues, APolicyInheritsDefaultsEvenWhenTheyFollowIt) {
    const Config config = parsed(R"(
policies: [{name: a, match: {unit: a}, close_wait: {dwell: 90s}}]
defaults: {close_wait: {count: 20}, incident: {repeat: 1h}}
)");
    const Policy& policy = config.policies.at(0);
    EXPECT_EQ(policy.limits.close_wait.count, 20U);
    EXPECT_EQ(policy.limits.close_wait.dwell, 90s);
    EXPECT_EQ(policy.hysteresis.repeat, 1h);
    EXPECT_EQ(policy.remedy.action, RemedyAction::kNone);
    EXPECT_TRUE(policy.remedy.dry_run);
}

TEST(ConfigValues, AlertsToNobodyAndToAllAreDifferent) {
    const Config config = parsed(R"(
policies:
  - {name: all, match: {unit: a}}
  - {name: none, match: {unit: a}, alerts: []}
  - name: commented
    match: {unit: a}
    alerts:
      #- ops
)");
    EXPECT_FALSE(config.policies.at(0).alerts.has_value());
    EXPECT_TRUE(config.policies.at(1).alerts.value().empty());
    EXPECT_FALSE(config.policies.at(2).alerts.has_value()) << "a list without items must not silence alerts";
}

TEST(ConfigValues, AnchorsAndMergesWork) {
    const Config config = parsed(R"(
defaults:
  close_wait: &strict {count: 4, dwell: 30s}
policies:
  - name: a
    match: {unit: a}
    close_wait: {<<: *strict, dwell: 45s}
  - name: b
    match: {unit: b}
    close_wait: *strict
  - name: c
    match: {unit: c}
    close_wait: {<<: [{enabled: false}, *strict, {enabled: true, count: 99}]}
)");
    EXPECT_EQ(config.policies.at(0).limits.close_wait.count, 4U);
    EXPECT_EQ(config.policies.at(0).limits.close_wait.dwell, 45s) << "own keys win over merged ones";
    EXPECT_EQ(config.policies.at(1).limits.close_wait.dwell, 30s);
    EXPECT_FALSE(config.policies.at(2).limits.close_wait.enabled) << "of merged mappings the first wins";
    EXPECT_EQ(config.policies.at(2).limits.close_wait.count, 4U);
}

}  // namespace
}  // namespace sockdog::test
