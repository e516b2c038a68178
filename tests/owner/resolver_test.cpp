#include "owner/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "owner/fake_proc.h"

namespace sockdog {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing_support::FakeProc;
using testing_support::FakeProcess;

const std::string kId = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";

FakeProcess nginx(std::uint32_t pid = 7, std::uint64_t start_ticks = 1000) {
    return {.pid = pid,
            .start_ticks = start_ticks,
            .comm = "nginx",
            .exe = "/usr/sbin/nginx",
            .arguments = {"nginx:", "worker", "process"},
            .cgroup = "0::/system.slice/nginx.service\n",
            .uid = 33};
}

TEST(OwnerResolver, TellsEverythingAboutALiveProcess) {
    FakeProc proc;
    const ProcessId id = proc.add(nginx());
    OwnerResolver resolver(proc.root());
    const Owner& owner = resolver.resolve(id);
    EXPECT_EQ(owner.process, id);
    EXPECT_TRUE(owner.alive);
    EXPECT_EQ(owner.comm, "nginx");
    EXPECT_EQ(owner.executable, "/usr/sbin/nginx");
    EXPECT_EQ(owner.command_line, "nginx: worker process");
    EXPECT_EQ(owner.uid, 33U);
    EXPECT_EQ(owner.cgroup, "/system.slice/nginx.service");
    EXPECT_EQ(owner.unit, "nginx.service");
}

TEST(OwnerResolver, RemembersAProcessThatIsGone) {
    FakeProc proc;
    const ProcessId id = proc.add(nginx());
    OwnerResolver resolver(proc.root());
    (void)resolver.resolve(id);
    proc.remove(7);
    EXPECT_FALSE(resolver.is_alive(id));
    const Owner& owner = resolver.refresh(id);
    EXPECT_FALSE(owner.alive);
    EXPECT_EQ(owner.executable, "/usr/sbin/nginx");
    EXPECT_EQ(owner.unit, "nginx.service");
    EXPECT_EQ(resolver.resolve(id).display_name(), "nginx.service");
}

TEST(OwnerResolver, KnowsOnlyTheIdOfAProcessItNeverSawAlive) {
    FakeProc proc;
    OwnerResolver resolver(proc.root());
    const Owner& owner = resolver.resolve({7, 1000});
    EXPECT_FALSE(owner.alive);
    EXPECT_EQ(owner.process, (ProcessId{7, 1000}));
    EXPECT_EQ(owner.comm, "");
    EXPECT_EQ(owner.unit, "");
    EXPECT_FALSE(resolver.resolve({}).alive);
    EXPECT_FALSE(resolver.is_alive({}));
}

TEST(OwnerResolver, DoesNotTakeTheNextHolderOfAPidForTheProcess) {
    FakeProc proc;
    const ProcessId before = proc.add(nginx(7, 1000));
    OwnerResolver resolver(proc.root());
    (void)resolver.resolve(before);
    const ProcessId after =
        proc.add({.pid = 7, .start_ticks = 2000, .comm = "sshd", .exe = "/usr/sbin/sshd"});
    EXPECT_FALSE(resolver.is_alive(before));
    EXPECT_TRUE(resolver.is_alive(after));
    EXPECT_EQ(resolver.refresh(before).comm, "nginx");
    EXPECT_FALSE(resolver.resolve(before).alive);
    EXPECT_EQ(resolver.resolve(after).comm, "sshd");
    EXPECT_EQ(resolver.resolve({7, 1500}).comm, "");
}

TEST(OwnerResolver, SeesExecAndCgroupMovesOnRefreshOnly) {
    FakeProc proc;
    const ProcessId id = proc.add({.pid = 7, .comm = "sh", .exe = "/bin/sh", .cgroup = "0::/init.scope\n"});
    OwnerResolver resolver(proc.root());
    EXPECT_EQ(resolver.resolve(id).comm, "sh");
    proc.add(nginx());
    EXPECT_EQ(resolver.resolve(id).comm, "sh");
    const Owner& owner = resolver.refresh(id);
    EXPECT_EQ(owner.comm, "nginx");
    EXPECT_EQ(owner.executable, "/usr/sbin/nginx");
    EXPECT_EQ(owner.unit, "nginx.service");
}

TEST(OwnerResolver, KeepsWhatAZombieWas) {
    FakeProc proc;
    const ProcessId id = proc.add(nginx());
    OwnerResolver resolver(proc.root());
    (void)resolver.resolve(id);
    proc.add({.pid = 7, .comm = "nginx", .cgroup = "1:name=systemd:/\n", .state = 'Z'});
    const Owner& owner = resolver.refresh(id);
    EXPECT_TRUE(owner.alive);
    EXPECT_EQ(owner.executable, "/usr/sbin/nginx");
    EXPECT_EQ(owner.command_line, "nginx: worker process");
    EXPECT_EQ(owner.unit, "nginx.service");
}

TEST(OwnerResolver, KeepsWhatAProcessWasThatClosesItsFilesAfterItsMemory) {
    FakeProc proc;
    const ProcessId id = proc.add(nginx());
    OwnerResolver resolver(proc.root());
    (void)resolver.resolve(id);
    proc.add({.pid = 7, .comm = "nginx", .state = 'R', .has_memory = false});
    EXPECT_EQ(resolver.refresh(id).command_line, "nginx: worker process");
    EXPECT_EQ(resolver.refresh(id).executable, "/usr/sbin/nginx");
}

TEST(OwnerResolver, SaysThatAZombieRunsOnlyWhileOtherThreadsOfItDo) {
    FakeProc proc;
    const ProcessId running = proc.add({.pid = 7, .comm = "a) Z 1 (b"});
    const ProcessId zombie = proc.add({.pid = 8, .comm = "a) S 1 (b", .state = 'Z'});
    const ProcessId leaderless = proc.add({.pid = 9, .comm = "nginx", .state = 'Z', .threads = 3});
    const OwnerResolver resolver(proc.root());
    EXPECT_TRUE(resolver.runs(running));
    EXPECT_FALSE(resolver.runs(zombie));
    EXPECT_TRUE(resolver.runs(leaderless));
    EXPECT_FALSE(resolver.runs({9, 4711})) << "another process with that pid";
}

TEST(OwnerResolver, NamesAZombieAsFarAsItCan) {
    FakeProc proc;
    const ProcessId id = proc.add(
        {.pid = 7, .comm = "nginx", .cgroup = "0::/system.slice/a.service (deleted)\n", .state = 'Z'});
    OwnerResolver resolver(proc.root());
    const Owner& owner = resolver.resolve(id);
    EXPECT_EQ(owner.comm, "nginx");
    EXPECT_EQ(owner.executable, "");
    EXPECT_EQ(owner.unit, "a.service");
}

TEST(OwnerResolver, NamesAKernelThreadByItsComm) {
    FakeProc proc;
    const ProcessId id = proc.add({.pid = 2, .comm = "kworker/0:1-events", .state = 'I'});
    OwnerResolver resolver(proc.root());
    const Owner& owner = resolver.resolve(id);
    EXPECT_EQ(owner.executable, "");
    EXPECT_EQ(owner.command_line, "");
    EXPECT_EQ(owner.display_name(), "kworker/0:1-events");
}

TEST(OwnerResolver, NamesAnExecutableThatWasReplacedWhileItRuns) {
    FakeProc proc;
    OwnerResolver resolver(proc.root());
    const ProcessId id = proc.add({.pid = 7, .exe = "/usr/sbin/nginx (deleted)"});
    EXPECT_EQ(resolver.resolve(id).executable, "/usr/sbin/nginx");
    const ProcessId memory = proc.add({.pid = 8, .exe = "/memfd:payload (deleted)"});
    EXPECT_EQ(resolver.resolve(memory).executable, "/memfd:payload");
}

TEST(OwnerResolver, JoinsArgumentsAndDropsTheTailOfAWrittenTitle) {
    FakeProc proc;
    OwnerResolver resolver(proc.root());
    const ProcessId id = proc.add({.pid = 7});
    proc.write("7/cmdline", std::string("postgres: idle\0\0\0\0\0\0", 20));
    EXPECT_EQ(resolver.refresh(id).command_line, "postgres: idle");
    proc.write("7/cmdline", std::string("a\0\0b c\0", 7));
    EXPECT_EQ(resolver.refresh(id).command_line, "a  b c");
    proc.write("7/cmdline", std::string("no end", 6));
    EXPECT_EQ(resolver.refresh(id).command_line, "no end");
    proc.write("7/cmdline", std::string(64, '\0'));
    EXPECT_EQ(resolver.refresh(id).command_line, "");
}

TEST(OwnerResolver, CutsAHostileCommandLine) {
    FakeProc proc;
    const ProcessId id = proc.add({.pid = 7, .arguments = {"x", std::string(900'000, 'y')}});
    OwnerResolver resolver(proc.root());
    EXPECT_EQ(resolver.resolve(id).command_line.size(), 8192U);
    EXPECT_EQ(resolver.resolve(id).command_line.substr(0, 3), "x y");
}

TEST(OwnerResolver, IsNotMisledByHostileNames) {
    FakeProc proc;
    OwnerResolver resolver(proc.root());
    std::uint32_t pid = 10;
    for (const std::string comm : {"a) R 1 (b", "x\nUid:\t0\t0\n", "\xff\xfe", "", " ", "State:\tZ", "\n"}) {
        FakeProcess process = nginx(++pid);
        process.comm = comm;
        process.uid = 33;
        const Owner& owner = resolver.resolve(proc.add(process));
        EXPECT_TRUE(owner.alive) << comm;
        EXPECT_EQ(owner.comm, comm);
        EXPECT_EQ(owner.uid, 33U) << comm;
        EXPECT_EQ(owner.unit, "nginx.service") << comm;
    }
}

TEST(OwnerResolver, LivesWithFilesThatCannotBeRead) {
    FakeProc proc;
    const ProcessId id = proc.add(nginx());
    for (const char* file : {"comm", "status", "cgroup", "cmdline", "exe"}) {
        std::filesystem::remove(proc.path() / "7" / file);
    }
    OwnerResolver resolver(proc.root());
    const Owner& owner = resolver.resolve(id);
    EXPECT_TRUE(owner.alive);
    EXPECT_EQ(owner.display_name(), "pid 7");
}

TEST(OwnerResolver, NamesTheBoshJobOfAProcessUnderMonit) {
    FakeProc proc;
    FakeProcess monitor{.pid = 7,
                        .comm = "ruby",
                        .exe = "/var/vcap/data/packages/ruby-3.1/0f3a/bin/ruby",
                        .arguments = {"ruby", "/var/vcap/packages/health_monitor/bin/bosh-monitor", "-c",
                                      "/var/vcap/jobs/health_monitor/config/health_monitor.yml"},
                        .cgroup = "0::/system.slice/runit.service\n"};
    OwnerResolver resolver(proc.root());
    EXPECT_EQ(resolver.resolve(proc.add(monitor)).display_name(), "health_monitor");

    // The same by hand in a login shell, or in somebody's container, is not the job.
    monitor.pid = 8;
    monitor.cgroup = "0::/user.slice/user-1000.slice/session-2.scope\n";
    EXPECT_EQ(resolver.resolve(proc.add(monitor)).bosh_job, "");
    monitor.pid = 9;
    monitor.cgroup = "0::/system.slice/docker-" + kId + ".scope\n";
    EXPECT_EQ(resolver.resolve(proc.add(monitor)).bosh_job, "");
}

TEST(OwnerResolver, BelievesBpmsCgroupBeforeTheCommandLine) {
    FakeProc proc;
    const ProcessId id = proc.add({.pid = 7,
                                   .exe = "/var/vcap/packages/x/bin/x",
                                   .arguments = {"x", "/var/vcap/jobs/other/x"},
                                   .cgroup = "0::/system.slice/runit.service/bpm-director.2eworker_1\n"});
    OwnerResolver resolver(proc.root());
    EXPECT_EQ(resolver.resolve(id).stable_key(), "bosh:director/worker_1");
}

TEST(OwnerResolver, ForgetsTheLeastRecentlyUsedOfTheDead) {
    FakeProc proc;
    OwnerResolver resolver(proc.root(), 3);
    for (std::uint32_t pid = 1; pid <= 3; ++pid) {
        (void)resolver.resolve(proc.add(nginx(pid)));
        resolver.mark_dead({pid, 1000});
        proc.remove(pid);
    }
    EXPECT_EQ(resolver.resolve({1, 1000}).comm, "nginx");  // used: 2 is the oldest now
    (void)resolver.resolve(proc.add(nginx(4)));
    EXPECT_EQ(resolver.size(), 4U);  // the living are not counted
    resolver.mark_dead({4, 1000});
    proc.remove(4);
    EXPECT_EQ(resolver.size(), 3U);
    EXPECT_EQ(resolver.resolve({1, 1000}).comm, "nginx");
    EXPECT_EQ(resolver.resolve({3, 1000}).comm, "nginx");
    EXPECT_EQ(resolver.resolve({4, 1000}).comm, "nginx");
    EXPECT_EQ(resolver.resolve({2, 1000}).comm, "");
}

TEST(OwnerResolver, MarksDeadOnceAndOnlyWhatItKnows) {
    FakeProc proc;
    OwnerResolver resolver(proc.root());
    const ProcessId id = proc.add(nginx());
    resolver.mark_dead(id);
    EXPECT_EQ(resolver.size(), 0U);
    (void)resolver.resolve(id);
    resolver.mark_dead(id);
    resolver.mark_dead(id);
    EXPECT_EQ(resolver.size(), 1U);
    EXPECT_FALSE(resolver.refresh(id).alive);
}

TEST(OwnerResolver, ReturnsTheLastDeadEvenWhenItMayRememberNone) {
    FakeProc proc;
    OwnerResolver resolver(proc.root(), 0);
    for (std::uint32_t pid = 1; pid < 100; ++pid) {
        EXPECT_EQ(resolver.resolve({pid, 5}).process, (ProcessId{pid, 5}));
        EXPECT_EQ(resolver.size(), 1U);
    }
}

TEST(OwnerResolver, StaysBoundedWhenNobodyTellsItOfExits) {
    FakeProc proc;
    OwnerResolver resolver(proc.root(), 10);
    for (std::uint64_t start = 1; start <= 2200; ++start) {
        (void)resolver.resolve(proc.add({.pid = 7, .start_ticks = start}));
        ASSERT_LE(resolver.size(), 1024U + 10U);
    }
}

TEST(OwnerResolver, KnowsThisVeryProcess) {
    const ProcRoot proc;
    const auto self = proc.identify(static_cast<std::uint32_t>(getpid()));
    ASSERT_TRUE(self.ok());
    OwnerResolver resolver(proc);
    const Owner& owner = resolver.resolve(self.value());
    EXPECT_TRUE(owner.alive);
    EXPECT_THAT(owner.executable, EndsWith("owner_test"));
    EXPECT_THAT(owner.command_line, HasSubstr("owner_test"));
    EXPECT_EQ(owner.uid, geteuid());
}

}  // namespace
}  // namespace sockdog
