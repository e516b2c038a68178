// Wrong files, and what is said about them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.h"

namespace sockdog::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

struct Mistake {
    const char* yaml;
    const char* message;  // its beginning, or all of it
};

class ConfigMistake : public testing::TestWithParam<Mistake> {};

TEST_P(ConfigMistake, IsToldOnceWithItsPlace) {
    const auto told = complaints(GetParam().yaml);
    ASSERT_EQ(told.size(), 1U) << testing::PrintToString(told);
    EXPECT_THAT(told[0], StartsWith(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, ConfigMistake,
    testing::Values(
        Mistake{"tik: 5s\n", "t:1:1: unknown key \"tik\"; allowed is tick, walk_interval,"},
        Mistake{"books:\n  max_socket: 5000\n",
                "t:2:3: unknown key \"max_socket\"; allowed is max_sockets, "},
        Mistake{"tick: 5s\nlog_level: info\ntick: 6s\n",
                "t:3:1: duplicate key \"tick\"; the first is at line 1"},
        Mistake{"? [a]\n: 1\n", "t:1:3: a key is a list; allowed is a word"},
        Mistake{"\"\\x1b[2J\": 1\n", "t:1:1: unknown key \"\\x1b[2J\"; allowed is"},
        Mistake{"defaults: {remedy: {action: none}}\n",
                "t:1:12: unknown key \"remedy\"; allowed is close_wait, "
                "idle_growth, backlog, dead_fd, half_closed, unused, inherited, exhaustion, churn, incident "
                "or call_sites"},
        Mistake{"books: 5\n", "t:1:8: books is \"5\"; allowed is a mapping with the keys max_sockets,"},
        Mistake{"policies: {}\n", "t:1:11: policies is a mapping; allowed is a list of policies"},
        Mistake{"policies: [web]\n", "t:1:12: policies is \"web\"; allowed is a mapping with the keys name,"},
        Mistake{"remedies: {protected_units: a}\n", "t:1:29: protected_units is \"a\"; allowed is a list of"},
        Mistake{"remedies: {protected_units: [a, '']}\n",
                "t:1:33: protected_units is \"\"; allowed is a list of"}));

INSTANTIATE_TEST_SUITE_P(
    Values, ConfigMistake,
    testing::Values(
        Mistake{"tick:\n", "t:1:1: tick is empty; allowed is a duration from 100ms to 10m"},
        Mistake{"tick: [5s]\n", "t:1:7: tick is a list; allowed is a duration"},
        Mistake{"tick: 10\n", "t:1:7: tick is \"10\"; allowed is a duration"},
        Mistake{"tick: 0s\n", "t:1:7: tick is \"0s\"; allowed is a duration"},
        Mistake{"tick: -5s\n", "t:1:7: tick is \"-5s\"; allowed is a duration"},
        Mistake{"keep_resolved: 99999999999999999999d\n", "t:1:16: keep_resolved is"},
        Mistake{"log_level: debgu\n",
                "t:1:12: log_level is \"debgu\"; allowed is trace, debug, info, warning, error, "
                "critical or off; did you mean \"debug\"?"},
        Mistake{"state_dir: var/lib\n", "t:1:12: state_dir is \"var/lib\"; allowed is an absolute path"},
        Mistake{"control: {group: ''}\n", "t:1:18: group is \"\"; allowed is the name of a group"},
        Mistake{"control: {group: \"a\\0b\"}\n", "t:1:18: group is \"a\\x00b\""},
        Mistake{"books: {max_sockets: -1}\n",
                "t:1:22: max_sockets is \"-1\"; allowed is a whole number from 1024"},
        Mistake{"books: {max_sockets: 1e6}\n", "t:1:22: max_sockets is \"1e6\""},
        Mistake{"books: {max_sockets: 99999999999999999999}\n", "t:1:22: max_sockets is"},
        Mistake{"books: {syscall_failures: ja}\n",
                "t:1:27: syscall_failures is \"ja\"; allowed is never, suspects or always"},
        Mistake{"books: {event_buffer_bytes: 100000}\n",
                "t:1:29: event_buffer_bytes is \"100000\"; allowed is a power "
                "of two from 64KiB to 1GiB"},
        Mistake{
            "samples: {max_bytes: 256MB}\n",
            "t:1:22: max_bytes is \"256MB\"; allowed is a size from 1MiB to 64GiB (bytes, KiB, MiB or GiB)"},
        Mistake{"samples: {keep: 1m}\n", "t:1:17: keep is \"1m\"; allowed is a duration from 1h"},
        Mistake{"books: {event_buffer_bytes: 4096}\n", "t:1:29: event_buffer_bytes is \"4096\""},
        Mistake{"books: {event_buffer_bytes: 0}\n", "t:1:29: event_buffer_bytes is \"0\""},
        Mistake{"books: {event_buffer_bytes: 17179869184GiB}\n", "t:1:29: event_buffer_bytes is"},
        Mistake{"books: {trace_buffer_bytes: 4MB}\n", "t:1:29: trace_buffer_bytes is \"4MB\""},
        Mistake{"defaults: {idle_growth: {survival: 0}}\n",
                "t:1:36: survival is \"0\"; allowed is a number above 0"},
        Mistake{"defaults: {idle_growth: {survival: 1.01}}\n", "t:1:36: survival is \"1.01\""},
        Mistake{"defaults: {idle_growth: {survival: nan}}\n", "t:1:36: survival is \"nan\""},
        Mistake{"defaults: {idle_growth: {windows: 0}}\n", "t:1:35: windows is \"0\""},
        Mistake{"defaults: {idle_growth: {window: 1s}}\n",
                "t:1:34: idle_growth.window (1s) is shorter than tick (5s)"},
        Mistake{"tick: 2m\n", "t:1:7: idle_growth.window ("},
        Mistake{"defaults: {idle_growth: {windows: 1000, window: 1h}}\n",
                "t:1:35: idle_growth: 1000 windows of"}));

INSTANTIATE_TEST_SUITE_P(
    Policies, ConfigMistake,
    testing::Values(
        Mistake{"policies: [{match: {unit: a}}]\n",
                "t:1:12: the policy has no name; allowed is a name of up to 64"},
        Mistake{"policies: [{name: a b, match: {unit: a}}]\n", "t:1:19: name is \"a b\"; allowed is a name"},
        Mistake{"policies: [{name: default, match: {unit: a}}]\n",
                "t:1:19: a policy cannot be named \"default\""},
        Mistake{"policies: [{name: a, match: {unit: a}, close_wait: {wake: 9}}]\n",
                "t:1:53: unknown key \"wake\"; allowed is enabled, count or dwell"},
        Mistake{"policies: [{name: a}]\n",
                "t:1:12: the policy has no match; allowed is at least one of unit,"},
        Mistake{"policies: [{name: a, match: {}}]\n", "t:1:29: the policy has no match"},
        Mistake{"policies: [{name: a, match: {unit: ''}}]\n",
                "t:1:36: unit is \"\"; allowed is a shell pattern"},
        Mistake{"policies: [{name: a, match: {uid: no-such-user-here}}]\n",
                "t:1:35: uid is \"no-such-user-here\"; "
                "allowed is a user id, or the name"},
        Mistake{"policies: [{name: a, match: {uid: 4294967295}}]\n", "t:1:35: uid is \"4294967295\""},
        Mistake{"policies:\n- {name: a, match: {uid: 0}}\n- {name: a, match: {uid: 1}}\n",
                "t:3:10: duplicate policy \"a\"; the first is at line 2"},
        Mistake{"policies: [{name: a, match: {unit: a}, idle_growth: {window: 1s}}]\n",
                "t:1:62: idle_growth.window"},
        Mistake{"policies: [{name: a, match: {unit: a}, remedy: {action: systemd_restart}}]\n",
                "t:1:57: action is \"systemd_restart\"; allowed is none, systemd-restart, monit-restart or "
                "command; "
                "did you mean \"systemd-restart\"?"},
        Mistake{"policies: [{name: a, match: {unit: a}, remedy: {action: command}}]\n",
                "t:1:57: action is \"command\" without a command; allowed is a list of arguments"},
        Mistake{"policies: [{name: a, match: {unit: a}, remedy: {action: command, command: []}}]\n",
                "t:1:57: action is \"command\" without a command"},
        Mistake{"policies: [{name: a, match: {unit: a}, remedy: {command: [monit, x]}}]\n",
                "t:1:59: the command \"monit\" is no absolute path"},
        Mistake{"policies: [{name: a, match: {unit: a}, remedy: {command: [/a, '']}}]\n",
                "t:1:63: command is \"\""},
        Mistake{"policies: [{name: a, match: {unit: a}, alerts: [ops]}]\n",
                "t:1:49: unknown receiver \"ops\"; there are no receivers"},
        Mistake{"policies: [{name: a, match: {unit: a}, alerts: [opps]}]\nreceivers: [{name: ops, url: "
                "http://h}]\n",
                "t:1:49: unknown receiver \"opps\"; allowed is ops; did you mean \"ops\"?"}));

INSTANTIATE_TEST_SUITE_P(
    Monit, ConfigMistake,
    testing::Values(
        Mistake{"remedies: {monit: {url: 'http://10.0.0.6:2822'}}\n",
                "t:1:25: url is \"http://10.0.0.6:2822\"; allowed is http://127.0.0.1:PORT (or another "},
        Mistake{"remedies: {monit: {url: 'https://127.0.0.1:2822'}}\n", "t:1:25: url is \"https:"},
        Mistake{"remedies: {monit: {url: 'http://127.0.0.1'}}\n", "t:1:25: url is"},
        Mistake{"remedies: {monit: {url: 'unix:monit.sock'}}\n",
                "t:1:25: url is \"unix:monit.sock\"; allowed is http://127"},
        Mistake{"remedies: {monit: {credentials_file: monit.user}}\n",
                "t:1:38: credentials_file is \"monit.user\"; allowed is an absolute path"},
        Mistake{
            "remedies: {monit: {credentials_file: /etc/passwd}}\n",
            "t:1:38: everybody may read the credentials_file \"/etc/passwd\"; allowed is a file that only "
            "root can read"},
        Mistake{"remedies: {monit: {timeout: 1h}}\n", "t:1:29: timeout is \"1h\"; allowed is a duration"},
        Mistake{"remedies: {monit: {password: x}}\n",
                "t:1:20: unknown key \"password\"; allowed is url, credentials_file or timeout"}));

INSTANTIATE_TEST_SUITE_P(
    Receivers, ConfigMistake,
    testing::Values(
        Mistake{"receivers: [{url: http://h}]\n", "t:1:13: the receiver has no name"},
        Mistake{"receivers: [{name: a}]\n", "t:1:13: the receiver has no url"},
        Mistake{"receivers: [{name: a, url: ftp://h}]\n",
                "t:1:28: url is \"ftp://h\"; allowed is a URL with http://"},
        Mistake{"receivers: [{name: a, url: 'http://'}]\n", "t:1:28: url is \"http://\""},
        Mistake{"receivers: [{name: a, url: 'http://:80/'}]\n", "t:1:28: url is \"http://:80/\""},
        Mistake{"receivers: [{name: a, url: 'http:///x'}]\n", "t:1:28: url is \"http:///x\""},
        Mistake{"receivers: [{name: a, url: \"http://h/\\r\\nX: y\"}]\n",
                "t:1:28: url is \"http://h/\\x0d\\x0aX: y\""},
        Mistake{"receivers: [{name: a, url: http://h, type: slak}]\n",
                "t:1:44: type is \"slak\"; allowed is alertmanager"},
        Mistake{"receivers: [{name: a, url: http://h, secret_file: key}]\n",
                "t:1:51: secret_file is \"key\"; allowed is "
                "an absolute path"},
        Mistake{"receivers: [{name: a, type: exec, command: [logger]}]\n",
                "t:1:45: the command \"logger\" is no absolute path"},
        Mistake{"receivers: [{name: a, type: exec}]\n",
                "t:1:13: the receiver has no command; type exec needs"},
        Mistake{"receivers: [{name: a, type: nats, url: http://h, subject: s}]\n",
                "t:1:40: url is \"http://h\"; allowed is a URL with nats:// or tls://"},
        Mistake{"receivers: [{name: a, type: pagerduty, url: http://h}]\n",
                "t:1:13: the receiver has no secret_file; type pagerduty needs secret_file"},
        Mistake{"receivers: [{name: a, type: journal, url: http://h}]\n",
                "t:1:43: type journal has no use for url"},
        Mistake{"receivers: [{name: a, url: http://h, url_file: /f}]\n",
                "t:1:48: url and url_file are both given"},
        Mistake{"receivers: [{name: a, url: 'https://user:secret@h/x'}]\n",
                "t:1:28: url has a user or password in it"},
        Mistake{"receivers: [{name: a, type: nats, url: 'nats://h,nats://u:p@h', subject: s}]\n",
                "t:1:40: url has a user or password in it"},
        Mistake{"receivers: [{name: a, url: http://h, match: {clas: x}}]\n",
                "t:1:46: unknown key \"clas\"; allowed is unit, class, policy or container"},
        Mistake{"relay: {web: {listen: '0.0.0.0:9743'}}\n", "t:1:23: listen is no loopback address"},
        Mistake{"relay: {web: {listen: 9743}}\n", "t:1:23: listen is \"9743\"; allowed is an address with"},
        Mistake{"relay: {web: {tls_key: /k}}\n", "t:1:24: tls_certificate and tls_key belong together"},
        Mistake{"relay: {flap: {openings: many}}\n", "t:1:26: openings is \"many\""},
        Mistake{"receivers: [{name: a, url: http://h, backoff_initial: 10m}]\n", "t:1:55: backoff_max ("},
        Mistake{"receivers: [{name: a, url: http://h, min_severity: warn}]\n",
                "t:1:52: min_severity is \"warn\""},
        Mistake{"receivers:\n- {name: a, url: http://h}\n- {name: a, url: http://g}\n",
                "t:3:10: duplicate receiver"}));

INSTANTIATE_TEST_SUITE_P(
    Syntax, ConfigMistake,
    testing::Values(
        Mistake{"- tick\n", "t:1:1: the file is a list; allowed is a mapping of keys"},
        Mistake{"tick 5s\n", "t:1:1: the file is a single value; allowed is a mapping"},
        Mistake{"books:\n\tmax_sockets: 2000\n",
                "t:2:13: not valid YAML: illegal map value; the line is indented with "
                "a tab, YAML allows spaces only"},
        Mistake{"books: [\n", "t:2:1: not valid YAML: end of sequence flow not found"},
        Mistake{"tick: 5s: 6s\n", "t:1:9: not valid YAML: illegal map value"},
        Mistake{"tick: *x\n",
                "t:1:7: not valid YAML: the referenced anchor is not defined; a text that begins with *"},
        Mistake{"policies:\n- match: {unit: *.service}\n", "t:2:17: not valid YAML: the referenced anchor"},
        Mistake{"tick: 5s\n---\ntick: 6s\n", "t:3:1: a second document begins here"},
        Mistake{"tick: 5s\n\x04tick: 6s\n", "t:2:1: control byte \\x04; allowed is plain text"},
        Mistake{"books: {<<: 5}\n",
                "t:1:13: << is \"5\"; allowed is an alias of a mapping, or a list of them"},
        Mistake{"books: &b\n  <<: *b\n", "t:2:3: << is nested too deeply"}));

TEST(ConfigMistakes, AreAllToldInTheOrderOfTheFile) {
    const auto told = complaints(R"(receivers:
- {name: ops, url: nowhere}
tik: 1s
policies:
- name: web
  match: {unt: x}
  alerts: [opps]
defaults: {close_wait: {cont: 1}}
log_level: loud
)");
    EXPECT_THAT(told,
                ElementsAre(StartsWith("t:2:20: url"), StartsWith("t:3:1: unknown key \"tik\""),
                            StartsWith("t:6:11: unknown key \"unt\""), StartsWith("t:7:12: unknown receiver"),
                            StartsWith("t:8:25: unknown key \"cont\""), StartsWith("t:9:12: log_level")));
    EXPECT_THAT(told[1], HasSubstr("did you mean \"tick\"?"));
    EXPECT_THAT(told[2], HasSubstr("did you mean \"unit\"?"));
}

}  // namespace
}  // namespace sockdog::test
