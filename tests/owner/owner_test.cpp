#include "owner/owner.h"

#include <gtest/gtest.h>

#include <vector>

namespace sockdog {
namespace {

const std::string kId = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";

struct Case {
    Owner owner;
    std::string name;
    std::string key;
};

Owner make(const std::string& unit, const std::string& user_unit, const std::string& runtime = {}) {
    Owner owner;
    owner.process = {7, 100};
    owner.comm = "ruby";
    owner.executable = "/usr/bin/ruby3.1";
    owner.cgroup = "/some/where";
    owner.unit = unit;
    owner.user_unit = user_unit;
    if (!runtime.empty()) owner.container_id = kId;
    owner.container_runtime = runtime;
    return owner;
}

TEST(Owner, IsCalledWhatItsOperatorsCallIt) {
    const std::string scope = "docker-" + kId + ".scope";
    const std::string libpod = "libpod-" + kId + ".scope";
    const std::vector<Case> cases = {
        {make("nginx.service", ""), "nginx.service", "unit:nginx.service"},
        {make("user@1000.service", "app.service"), "app.service", "unit:user@1000.service/app.service"},
        {make("user@1000.service", ""), "user@1000.service", "unit:user@1000.service"},
        {make("session-2.scope", ""), "ruby3.1", "exe:/usr/bin/ruby3.1@/some/where"},
        {make("", ""), "ruby3.1", "exe:/usr/bin/ruby3.1@/some/where"},
        {make("", "", "docker"), "4f797c539e6c", "container:" + kId},
        {make(scope, "", "docker"), "4f797c539e6c", "container:" + kId},
        {make("containerd.service", "", "containerd"), "4f797c539e6c", "container:" + kId},
        {make("user@1000.service", libpod, "podman"), "4f797c539e6c", "container:" + kId},
        {make(libpod, "", "podman"), "4f797c539e6c", "container:" + kId},
        {make("web.service", "", "podman"), "web.service", "unit:web.service"},
        {make("user@1000.service", "web.service", "podman"), "web.service",
         "unit:user@1000.service/web.service"},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(c.owner.display_name(), c.name) << c.owner.unit << ' ' << c.owner.user_unit;
        EXPECT_EQ(c.owner.stable_key(), c.key) << c.owner.unit << ' ' << c.owner.user_unit;
    }
}

TEST(Owner, OfAScriptIsCalledByTheScriptAndKnownByItsCommandLine) {
    struct Script {
        std::string executable;
        std::string command_line;
        std::string name;
        std::string key;
    };
    const std::vector<Script> scripts = {
        {"/usr/bin/python3.11", "python3 -u /opt/leak.py 80", "leak.py",
         "exe:/usr/bin/python3.11@/some/where python3 -u /opt/leak.py 80"},
        {"/usr/bin/python3.11", "python3 -i", "python3.11", "exe:/usr/bin/python3.11@/some/where"},
        {"/usr/bin/python3.11", "python3 -c import os", "python3.11", "exe:/usr/bin/python3.11@/some/where"},
        {"/usr/bin/python3.11", "", "python3.11", "exe:/usr/bin/python3.11@/some/where"},
        {"/usr/sbin/nginx", "nginx: worker process", "nginx", "exe:/usr/sbin/nginx@/some/where"},
        {"/usr/bin/shred", "shred secret", "shred", "exe:/usr/bin/shred@/some/where"},
    };
    for (const Script& script : scripts) {
        Owner owner = make("", "");
        owner.executable = script.executable;
        owner.command_line = script.command_line;
        EXPECT_EQ(owner.display_name(), script.name);
        EXPECT_EQ(owner.stable_key(), script.key);
    }
}

TEST(Owner, OfABoshJobIsCalledByItsJob) {
    Owner owner = make("runit.service", "");
    owner.bosh_job = "director";
    EXPECT_EQ(owner.display_name(), "director");
    EXPECT_EQ(owner.stable_key(), "bosh:director");
    owner.bpm_process = "worker_1";
    EXPECT_EQ(owner.display_name(), "director/worker_1");
    EXPECT_EQ(owner.stable_key(), "bosh:director/worker_1");
    owner.bpm_process = "director";
    EXPECT_EQ(owner.display_name(), "director");
    EXPECT_EQ(owner.stable_key(), "bosh:director/director");
}

TEST(Owner, FallsBackOnItsNameAndThenItsPid) {
    Owner owner;
    owner.process = {7, 100};
    owner.comm = "kworker/0:1";
    EXPECT_EQ(owner.display_name(), "kworker/0:1");
    EXPECT_EQ(owner.stable_key(), "exe:kworker/0:1@");
    owner.comm.clear();
    EXPECT_EQ(owner.display_name(), "pid 7");
    EXPECT_EQ(owner.stable_key(), "pid:7/100");
}

TEST(Owner, KeepsTheKeyOfAServiceOverItsRestart) {
    Owner before = make("nginx.service", "");
    Owner after = before;
    after.process = {8, 200};
    after.comm = "other";
    EXPECT_EQ(before.stable_key(), after.stable_key());
}

TEST(Owner, NeverSharesAKeyWithAnotherProcessOfWhichNothingIsKnown) {
    Owner one;
    Owner other;
    one.process = {7, 100};
    other.process = {7, 101};
    EXPECT_NE(one.stable_key(), other.stable_key());
}

}  // namespace
}  // namespace sockdog
