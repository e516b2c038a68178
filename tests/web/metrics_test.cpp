#include "web/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "scene.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using test::agent_with;
using test::incident;
using test::process;
using ::testing::HasSubstr;
using ::testing::Not;

RelayStats relay() {
    RelayStats stats;
    stats.connected = true;
    stats.receivers.push_back({.name = "oncall",
                               .delivered = 3,
                               .failed_attempts = 1,
                               .dead_letters = 0,
                               .pending = 2,
                               .type = "webhook"});
    return stats;
}

std::string text_of(const AgentState& agent, Services& services, const std::string& accept = "") {
    return expose(collect_metrics(agent, relay(), services), accept).body;
}

std::string text_of(const AgentState& agent) {
    Services services(100);
    return text_of(agent, services);
}

AgentState rich() {
    AgentState agent = agent_with(
        {process(1, "web.service", 7, 3), process(2, "web.service", 1), process(3, "db.service", 0, 9)},
        {incident("i1", "web.service", 8)});
    agent.open[0].latest.fds =
        Supply{.used = 90, .limit = 100, .growth_per_minute = 1, .runs_out = Forecast{10min, {}}};
    return agent;
}

TEST(Metrics, ServicesAreProcessesAddedUp) {
    const std::string text = text_of(rich());
    EXPECT_THAT(text,
                HasSubstr("sockdog_sockets{unit=\"web.service\",executable=\"/usr/bin/web\",container=\"\","
                          "state=\"CLOSE_WAIT\"} 8\n"));
    EXPECT_THAT(text, HasSubstr("state=\"ESTABLISHED\"} 9\n"));
    EXPECT_THAT(
        text,
        HasSubstr("sockdog_incidents_open{unit=\"web.service\",executable=\"/usr/bin/web\",container=\"\","
                  "class=\"close_wait\",severity=\"warning\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("resource=\"fds\"} 600\n"));
    EXPECT_THAT(text, HasSubstr("sockdog_incidents_open_by_class{class=\"dead_fd\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("sockdog_relay_delivered_total{receiver=\"oncall\",type=\"webhook\"} 3\n"));
}

/// What docs/fleet.md reckons with.
TEST(Metrics, SeriesAHost) {
    const auto series = [](std::size_t services) {
        std::vector<ProcessView> processes;
        for (std::uint32_t i = 0; i < services; ++i) {
            processes.push_back(process(i + 1, "s" + std::to_string(i) + ".service", 1, 2));
            processes.back().gauges.sockets[static_cast<std::size_t>(TcpState::kListen)] = 1;
        }
        std::istringstream text(text_of(agent_with(std::move(processes))));
        std::size_t count = 0;
        for (std::string line; std::getline(text, line);) count += line.starts_with("sockdog_") ? 1 : 0;
        return count;
    };
    const auto one = series(1);
    EXPECT_EQ(series(0), 48U) << "of agent, relay, one receiver and the classes";
    EXPECT_EQ(one - series(0), 12U);
    EXPECT_EQ(series(30), 408U);
    EXPECT_EQ(series(1000) - series(100), 1U * (one - series(0))) << "100 is the bound here";
}

TEST(Metrics, NeverNameAProcessOrAPeer) {
    const std::string text = text_of(rich());
    EXPECT_THAT(text, Not(HasSubstr("4242")));
    EXPECT_THAT(text, Not(HasSubstr("25555")));
    EXPECT_THAT(text, Not(HasSubstr("10.0.0.6")));
}

TEST(Metrics, WithoutAnAgentTellOfTheRelayAlone) {
    const std::string text = text_of(AgentState{});
    EXPECT_THAT(text, HasSubstr("sockdog_agent_up 0\n"));
    EXPECT_THAT(text, HasSubstr("sockdog_relay_connected 1\n"));
    EXPECT_THAT(text, Not(HasSubstr("sockdog_sockets")));
}

TEST(Metrics, HostileNamesStayOneLabelValue) {
    AgentState agent = agent_with({process(1, "a\"} 1\nsockdog_fake 1\\\xff.service", 1)});
    for (const char* accept : {"", "application/openmetrics-text"}) {
        Services services(10);
        const std::string text = text_of(agent, services, accept);
        EXPECT_THAT(text, Not(HasSubstr("\nsockdog_fake")));
        EXPECT_THAT(text, HasSubstr("a\\\"} 1\\nsockdog_fake 1\\\\"));
    }
}

TEST(Metrics, OpenMetricsWhereItIsAskedFor) {
    Services services(100);
    const auto exposition =
        expose(collect_metrics(rich(), relay(), services),
               "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2");
    EXPECT_EQ(exposition.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    EXPECT_THAT(exposition.body, ::testing::EndsWith("# EOF\n"));
    EXPECT_THAT(exposition.body, HasSubstr("# TYPE sockdog_connections_opened counter\n"));
    EXPECT_THAT(exposition.body, HasSubstr("\nsockdog_connections_opened_total{"));
    EXPECT_THAT(exposition.body, Not(HasSubstr("# TYPE sockdog_connections_opened_total")));
}

/// Names of all families that are there when everything is.
std::set<std::string> names() {
    Services services(100);
    std::set<std::string> names;
    for (const auto& family : collect_metrics(rich(), relay(), services)) names.insert(family.name);
    return names;
}

TEST(Metrics, EachIsDocumentedAndNothingElseIs) {
    std::ifstream in(SOCKDOG_SOURCE_DIR "/docs/metrics.md");
    std::set<std::string> documented;
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("| `sockdog_"))
            documented.insert(line.substr(3, line.find_first_of("`{", 3) - 3));
    EXPECT_EQ(documented, names());
}

TEST(Metrics, FollowTheRulesForNames) {
    Services services(100);
    for (const auto& family : collect_metrics(rich(), relay(), services)) {
        const bool counter = family.type == prometheus::MetricType::Counter;
        EXPECT_EQ(counter, family.name.ends_with("_total")) << family.name;
        EXPECT_FALSE(family.help.empty()) << family.name;
    }
}

TEST(Metrics, SatisfyPromtool) {
    if (std::system("command -v promtool >/dev/null") != 0)
        GTEST_SKIP() << "no promtool (package prometheus)";
    const fixtures::TempDir folder;
    const std::string file = folder.put("metrics", text_of(rich()));
    EXPECT_EQ(std::system(("promtool check metrics < " + file + " >&2").c_str()), 0);
}

TEST(Services, AreBoundedAndTheOthersAddedUp) {
    Services services(3);
    std::vector<ProcessView> processes;
    for (std::uint32_t i = 1; i <= 10; ++i)
        processes.push_back(process(i, "s" + std::to_string(i) + ".service", i, 1));
    const auto counts = services.count(processes);
    ASSERT_EQ(counts.size(), 4U);
    EXPECT_EQ(counts[0].name.unit, "s10.service") << "most in CLOSE_WAIT first";
    EXPECT_EQ(counts[3].name, kOtherServices);
    EXPECT_EQ(counts[3].gauges.in(TcpState::kCloseWait), 28U);
    EXPECT_EQ(counts[3].gauges.in(TcpState::kEstablished), 7U);
    EXPECT_EQ(services.overflow(), 7U);
}

TEST(Services, CountersDoNotFallWhenProcessesEnd) {
    Services services(10);
    EXPECT_EQ(services.count({process(1, "a.service", 5), process(2, "a.service", 3)})[0].gauges.opened, 8U);
    EXPECT_EQ(services.count({process(2, "a.service", 4)})[0].gauges.opened, 9U);
    const auto gone = services.count({});
    ASSERT_EQ(gone.size(), 1U);
    EXPECT_EQ(gone[0].gauges.opened, 9U);
    EXPECT_EQ(gone[0].gauges.in(TcpState::kCloseWait), 0U) << "its sockets are gone";
    EXPECT_EQ(services.count({process(3, "a.service", 1)})[0].gauges.opened, 10U);
}

TEST(Services, APidThatIsUsedAgainIsAnotherProcess) {
    Services services(10);
    ProcessView first = process(7, "a.service", 5);
    EXPECT_EQ(services.count({first})[0].gauges.opened, 5U);
    ProcessView second = process(7, "a.service", 2);
    second.owner.process.start_ticks += 1;
    EXPECT_EQ(services.count({second})[0].gauges.opened, 7U);
}

}  // namespace
}  // namespace sockdog
