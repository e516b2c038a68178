#include "monit/choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sockdog::monit {
namespace {

using ::testing::HasSubstr;
using Lineage = std::vector<std::uint32_t>;

Service process(const std::string& name, std::optional<std::uint32_t> pid, int monitor = 1, int pending = 0) {
    return {name, kProcessType, monitor, pending, pid};
}

Choice chosen(const std::vector<Service>& services, const Lineage& lineage) {
    return choose(services, lineage);
}

TEST(MonitChoice, FindsTheServiceByPidOrByTheNearestAncestor) {
    const std::vector<Service> services = {process("web", 100), process("worker", 200),
                                           process("supervisor", 50), process("off", {}, 0)};
    struct Case {
        Lineage lineage;
        std::string service;
    };
    const std::vector<Case> cases = {
        {{100}, "web"},
        {{200, 50}, "worker"},
        {{201, 200, 50}, "worker"},  // a descendant: BOSH's pidfile is the one of bpm
        {{203, 202, 201, 200, 50}, "worker"},
        {{60, 50}, "supervisor"},
    };
    for (const auto& c : cases) {
        const Choice choice = chosen(services, c.lineage);
        EXPECT_TRUE(choice.allowed()) << choice.refusal;
        EXPECT_EQ(choice.service, c.service);
    }
}

TEST(MonitChoice, RefusesWithTheNameOfAGuard) {
    std::vector<Service> several = {process("web", 100), process("web-too", 100)};
    Service silent = process("silent", 100);
    silent.monitor.reset();
    Service of_files = process("files", 100);
    of_files.type = 2;
    struct Case {
        std::vector<Service> services;
        Lineage lineage;
        std::string says;
    };
    const std::vector<Case> cases = {
        {{process("web", 100, 0)}, {100}, "target: monit service web is not monitored"},
        {{process("web", 100, 0)}, {101, 100}, "target: monit service web is not monitored"},
        {{process("web", 100, 1, 3)}, {100}, "busy: monit is at work on monit service web already"},
        {{process("web", {}, 0)}, {100}, "not monitored, so that monit does not tell their pids, are web"},
        {{process("web", 100)}, {7, 6}, "target: no service of monit has pid 7 or one of its ancestors"},
        {{process("web", 100)}, {}, "target: no service of monit has this process"},
        {{process("init", 1)}, {7, 1}, "target: no service"},
        {{process("zero", 0)}, {7, 0}, "target: no service"},
        {several, {100}, "target: pid 100 is of several services: web, web-too"},
        {{silent}, {100}, "target: monit does not tell the state of monit service silent"},
        {{of_files}, {100}, "target: no service"},
        {{process("a/../b?action=stop", 100)}, {100}, "not fit for a request"},
        {{process("a\r\nX: y", 100)}, {100}, "a\\x0d\\x0aX: y is not fit"},
        {{process("_runtime", 100)}, {100}, "not fit"},
        {{process("", 100)}, {100}, "not fit"},
    };
    for (const auto& c : cases) {
        const Choice choice = chosen(c.services, c.lineage);
        EXPECT_FALSE(choice.allowed()) << c.says;
        EXPECT_THAT(choice.refusal, HasSubstr(c.says));
    }
}

TEST(MonitChoice, APendingActionOfAnotherServiceIsNoReason) {
    EXPECT_TRUE(chosen({process("web", 100), process("db", 200, 0, 1)}, {100}).allowed());
}

TEST(MonitChoice, NamesOnlySomeOfManyUnmonitoredServices) {
    std::vector<Service> services;
    for (int i = 0; i < 40; ++i) services.push_back(process("s" + std::to_string(i), {}, 0));
    EXPECT_THAT(chosen(services, {7}).refusal, HasSubstr("s0, s1, s2, s3, s4 and 35 more"));
}

}  // namespace
}  // namespace sockdog::monit
