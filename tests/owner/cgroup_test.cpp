#include <gtest/gtest.h>

#include "owner/resolver.h"

namespace sockdog {
namespace {

const std::string kId(64, 'a');
const std::string kOther = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
const std::string kUid = "7e44ee88-1e65-4a16-8cdf-9a90c819180e";
const std::string kUidSlice = "7e44ee88_1e65_4a16_8cdf_9a90c819180e";

struct UnitCase {
    std::string path;
    std::string unit;
    std::string user_unit;
};

TEST(CgroupPath, NamesTheUnitOfTheSystemManagerAndOfTheUsers) {
    const std::vector<UnitCase> cases = {
        {"/system.slice/nginx.service", "nginx.service", ""},
        {"/init.scope", "init.scope", ""},
        {"/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", ""},
        {"/a.slice/a-b.slice/a-b-c.slice/deep.service", "deep.service", ""},
        {"/system.slice/foo@bar\\x2dbaz.service", "foo@bar\\x2dbaz.service", ""},
        {"/system.slice/ssh.socket", "ssh.socket", ""},
        {"/user.slice/user-1000.slice/session-2.scope", "session-2.scope", ""},
        {"/user.slice/user-1000.slice/user@1000.service/app.slice/app.service", "user@1000.service",
         "app.service"},
        {"/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service", "init.scope"},
        {"/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/"
         "vte-spawn-1.scope",
         "user@1000.service", "vte-spawn-1.scope"},
        {"/user.slice/user-1000.slice/user@1000.service/app.service/worker", "user@1000.service",
         "app.service"},
        {"/user.slice/user-1000.slice/user@1000.service", "user@1000.service", ""},
        {"/user.slice/user-1000.slice/user@1000.service/app.slice", "user@1000.service", ""},
        // delegated: what is below the unit is its own business, whatever it is called
        {"/system.slice/nginx.service/workers", "nginx.service", ""},
        {"/system.slice/nginx.service/fake.service", "nginx.service", ""},
        {"/system.slice/nginx.service/system.slice/sshd.service", "nginx.service", ""},
        {"/machine.slice/systemd-nspawn@deb.service/payload/system.slice/sshd.service",
         "systemd-nspawn@deb.service", ""},
        {"/system.slice/user@bob.service/app.slice/x.service", "user@bob.service", ""},
        {"/system.slice/user@.service/app.slice/x.service", "user@.service", ""},
        {"/system.slice/user@12x.service/x.service", "user@12x.service", ""},
        // escaped: names the kernel's files could be mistaken for
        {"/system.slice/_cpu.service", "cpu.service", ""},
        {"/system.slice/__x.service", "_x.service", ""},
        // from inside a cgroup namespace
        {"/../../system.slice/nginx.service", "nginx.service", ""},
        // not systemd's
        {"/", "", ""},
        {"", "", ""},
        {"//", "", ""},
        {"/_", "", ""},
        {"/system.slice", "", ""},
        {"/system.slice/plain", "", ""},
        {"/system.slice/.service", "", ""},
        {"/lxc.payload.web/system.slice/nginx.service", "", ""},
        {"/nginx.services", "", ""},
        {"/system.slice/\xff\xfe.service", "\xff\xfe.service", ""},
    };
    for (const UnitCase& c : cases) {
        const CgroupFacts facts = parse_cgroup_path(c.path);
        EXPECT_EQ(facts.unit, c.unit) << c.path;
        EXPECT_EQ(facts.user_unit, c.user_unit) << c.path;
        EXPECT_EQ(facts.container_id, "") << c.path;
        EXPECT_EQ(facts.container_runtime, "") << c.path;
        EXPECT_EQ(facts.pod_uid, "") << c.path;
        EXPECT_EQ(facts.bosh_job, "") << c.path;
    }
}

struct ContainerCase {
    std::string path;
    std::string id;
    std::string runtime;
    std::string pod_uid;
};

TEST(CgroupPath, NamesContainersAndPodsOfEveryRuntime) {
    const std::vector<ContainerCase> cases = {
        {"/docker/" + kId, kId, "docker", ""},
        {"/system.slice/docker-" + kId + ".scope", kId, "docker", ""},
        {"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + kId + ".scope", kId, "docker",
         ""},
        {"/docker/" + kId + "/system.slice/nginx.service", kId, "docker", ""},
        {"/docker/" + kId + "/init", kId, "docker", ""},
        {"/../docker-" + kId + ".scope", kId, "docker", ""},
        {"/kubepods/burstable/pod" + kUid + "/" + kId, kId, "", kUid},
        {"/kubepods/pod" + kUid + "/" + kId, kId, "", kUid},
        {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUidSlice +
             ".slice/cri-containerd-" + kId + ".scope",
         kId, "containerd", kUid},
        {"/kubepods.slice/kubepods-pod" + kUidSlice + ".slice/crio-" + kId + ".scope", kId, "cri-o", kUid},
        {"/kubepods.slice/kubepods-pod" + kUidSlice + ".slice/crio-" + kId + ".scope/container", kId, "cri-o",
         kUid},
        {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
         "kubelet-kubepods-besteffort-pod" +
             kUidSlice + ".slice/cri-containerd-" + kId + ".scope",
         kId, "containerd", kUid},
        {"/system.slice/containerd.service/kubepods-burstable-pod" + kUidSlice +
             ".slice:cri-containerd:" + kId,
         kId, "containerd", kUid},
        {"/system.slice:docker:" + kId, kId, "docker", ""},
        {"/kubepods/besteffort/pod" + std::string(32, 'b') + "/" + kId, kId, "", std::string(32, 'b')},
        {"/default/" + kId, kId, "containerd", ""},
        {"/system.slice/nerdctl-" + kId + ".scope", kId, "containerd", ""},
        {"/machine.slice/libpod-" + kId + ".scope", kId, "podman", ""},
        {"/machine.slice/libpod-" + kId + ".scope/container", kId, "podman", ""},
        {"/libpod_parent/libpod-" + kId, kId, "podman", ""},
        {"/libpod_parent/" + kId, kId, "podman", ""},
        {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope/container", kId,
         "podman", ""},
        {"/system.slice/web.service/libpod-payload-" + kId, kId, "podman", ""},
        {"/actions_job/" + kId, kId, "", ""},
        // a container in a container: the inner one is the process's
        {"/docker/" + kOther + "/kubelet/kubepods/pod" + kUid + "/" + kId, kId, "", kUid},
        {"/docker/" + kOther + "/docker/" + kId, kId, "docker", ""},
        {"/system.slice/garden.service/garden/good/2f57368b-0eda-4e52-64d8-af5c",
         "2f57368b-0eda-4e52-64d8-af5c", "garden", ""},
        {"/garden/" + kUid, kUid, "garden", ""},
    };
    for (const ContainerCase& c : cases) {
        const CgroupFacts facts = parse_cgroup_path(c.path);
        EXPECT_EQ(facts.container_id, c.id) << c.path;
        EXPECT_EQ(facts.container_runtime, c.runtime) << c.path;
        EXPECT_EQ(facts.pod_uid, c.pod_uid) << c.path;
    }
}

TEST(CgroupPath, DoesNotTakeLookAlikesForContainersOrPods) {
    const std::vector<std::string> cases = {
        "/docker",
        "/docker/" + kId.substr(1),
        "/docker/" + kId + "a",
        "/docker/" + std::string(64, 'A'),
        "/docker/" + std::string(63, 'a') + "g",
        "/docker/buildkit",
        "/system.slice/docker.service",
        "/system.slice/docker-" + kId.substr(1) + ".scope",
        "/system.slice/docker-.scope",
        "/system.slice/cri-containerd-x.scope",
        "/machine.slice/libpod-conmon-" + kId + ".scope",
        "/kubepods.slice/crio-conmon-" + kId + ".scope",
        "/pod" + kUid,
        "/kubepods/pod",
        "/kubepods/pod" + kUid.substr(1),
        "/kubepods/burstable/pod7e44ee88-1e65-4a16-8cdf-9a90c819180g",
        "/kubepods/pod7e44ee88x1e65-4a16-8cdf-9a90c819180e",
        "/system.slice/garden.service",
        "/garden/good",
        "/x/2f57368b-0eda-4e52-64d8-af5c",
        ":",
        "::",
        "/:" + kId.substr(1),
        "/a:b:c",
    };
    for (const std::string& path : cases) {
        const CgroupFacts facts = parse_cgroup_path(path);
        EXPECT_EQ(facts.container_id, "") << path;
        EXPECT_EQ(facts.pod_uid, "") << path;
    }
}

TEST(CgroupPath, KeepsTheHostsUnitOfAContainerThatRunsSystemdItself) {
    const CgroupFacts facts =
        parse_cgroup_path("/system.slice/docker-" + kId + ".scope/system.slice/nginx.service");
    EXPECT_EQ(facts.unit, "docker-" + kId + ".scope");
    EXPECT_EQ(facts.container_id, kId);
}

TEST(CgroupPath, NamesTheBoshJobOfABpmContainer) {
    const CgroupFacts whole = parse_cgroup_path("/system.slice/runit.service/bpm-health_monitor");
    EXPECT_EQ(whole.bosh_job, "health_monitor");
    EXPECT_EQ(whole.bpm_process, "health_monitor");
    EXPECT_EQ(whole.unit, "runit.service");
    const CgroupFacts part = parse_cgroup_path("/bpm-director.2eworker_1.scope");
    EXPECT_EQ(part.bosh_job, "director");
    EXPECT_EQ(part.bpm_process, "worker_1");
}

TEST(CgroupPath, AnApplicationOnADiegoCellIsNotTheGardenJob) {
    const CgroupFacts facts = parse_cgroup_path("/bpm-garden/garden/good/2f57368b-0eda-4e52-64d8-af5c");
    EXPECT_EQ(facts.bosh_job, "");
    EXPECT_EQ(facts.bpm_process, "");
    EXPECT_EQ(facts.container_id, "2f57368b-0eda-4e52-64d8-af5c");
}

struct FileCase {
    std::string file;
    std::string path;
};

TEST(CgroupFile, IsReadForTheHierarchyThatTellsMost) {
    const std::vector<FileCase> cases = {
        {"0::/system.slice/nginx.service\n", "/system.slice/nginx.service"},
        {"0::/system.slice/nginx.service", "/system.slice/nginx.service"},
        {"0::/\n", "/"},
        // v1
        {"12:pids:/system.slice\n4:cpu,cpuacct:/\n1:name=systemd:/system.slice/nginx.service\n",
         "/system.slice/nginx.service"},
        {"1:name=systemd:/system.slice/nginx.service\n0::/\n", "/system.slice/nginx.service"},
        // hybrid: the same in both
        {"1:name=systemd:/system.slice/a.service\n0::/system.slice/a.service\n", "/system.slice/a.service"},
        // hybrid: v2 first where both tell as much
        {"1:name=systemd:/system.slice/old.service\n0::/system.slice/new.service\n",
         "/system.slice/new.service"},
        {"0::/system.slice/new.service\n1:name=systemd:/system.slice/old.service\n",
         "/system.slice/new.service"},
        // hybrid: docker's cgroupfs driver moves the process in v1 only
        {"1:name=systemd:/docker/" + kId + "\n0::/system.slice/containerd.service\n", "/docker/" + kId},
        // v1 without systemd
        {"11:pids:/docker/" + kId + "\n10:memory:/docker/" + kId + "\n1:name=openrc:/docker\n",
         "/docker/" + kId},
        {"5:memory:/bpm-director\n1:name=systemd:/system.slice/runit.service\n", "/bpm-director"},
        // a unit of the systemd hierarchy is not outvoted by a plain path elsewhere
        {"5:memory:/some/where/deep\n1:name=systemd:/system.slice/a.service\n", "/system.slice/a.service"},
        {"0::/system.slice/gone.service (deleted)\n", "/system.slice/gone.service"},
        {"0::/a:b:c/x.service\n", "/a:b:c/x.service"},
        // not what the kernel writes
        {"", ""},
        {"\n\n\n", ""},
        {"nonsense", ""},
        {"0:", ""},
        {"0::", ""},
        {"0::relative", ""},
        {"garbage\n0::/system.slice/a.service\nmore garbage", "/system.slice/a.service"},
        {std::string("\0\0:\0:/x", 7), "/x"},
    };
    for (const FileCase& c : cases) EXPECT_EQ(choose_cgroup_path(c.file), c.path) << c.file;
}

TEST(CgroupFile, OfAnySizeIsReadToItsEnd) {
    std::string file;
    for (int i = 0; i < 5000; ++i) file += "7:memory:/" + std::string(100, 'x') + "\n";
    file += "1:name=systemd:/system.slice/a.service\n";
    EXPECT_EQ(choose_cgroup_path(file), "/system.slice/a.service");
    std::string deep;
    for (int i = 0; i < 20'000; ++i) deep += "/x.service";
    EXPECT_EQ(parse_cgroup_path(deep).unit, "x.service");
}

}  // namespace
}  // namespace sockdog
