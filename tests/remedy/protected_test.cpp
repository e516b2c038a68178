#include "remedy/protected.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "remedy/fixtures.h"

namespace sockdog {
namespace {

using ::testing::HasSubstr;
using namespace sockdog::testing;

TEST(Protected, UnitsThatCostTheHost) {
    for (const auto* unit : {"init.scope",
                             "ssh.service",
                             "sshd.service",
                             "sshd@3-10.0.0.1:22-10.0.0.2:4711.service",
                             "ssh.socket",
                             "dbus.service",
                             "dbus-broker.service",
                             "dbus.socket",
                             "systemd-journald.service",
                             "systemd-logind.service",
                             "systemd-networkd.service",
                             "user@1000.service",
                             "getty@tty1.service",
                             "serial-getty@ttyS0.service",
                             "console-getty.service",
                             "docker.service",
                             "docker.socket",
                             "containerd.service",
                             "crio.service",
                             "cri-o.service",
                             "podman.service",
                             "kubelet.service",
                             "k3s.service",
                             "snap.docker.dockerd.service",
                             "sockdogd.service",
                             "sockdog-relay.service",
                             "sockdog.service",
                             "NetworkManager.service",
                             "polkit.service"}) {
        EXPECT_TRUE(is_protected_unit(unit, {})) << unit;
    }
}

TEST(Protected, NotUnitsThatOnlyLookLikeThem) {
    for (const auto* unit :
         {"nginx.service", "my-sshd.service", "mydbus.service", "not-systemd-x.service", "userd.service",
          "director.service", "health_monitor.service", "monit.service", "podman-web.service", ""}) {
        EXPECT_FALSE(is_protected_unit(unit, {})) << unit;
    }
}

TEST(Protected, ExecutablesByBaseName) {
    for (const auto* path :
         {"/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", "/usr/bin/dbus-daemon",
          "/usr/bin/dbus-broker-launch", "/lib/systemd/systemd", "/lib/systemd/systemd-resolved",
          "/sbin/init", "/sbin/agetty", "/usr/bin/dockerd", "/usr/bin/containerd",
          "/usr/bin/containerd-shim-runc-v2", "/usr/bin/crio", "/usr/bin/conmon", "/usr/bin/podman",
          "/usr/bin/kubelet", "/usr/sbin/sockdogd", "/opt/x/sockdog-relay", "sshd"}) {
        EXPECT_TRUE(is_protected_executable(path, {})) << path;
    }
    for (const auto* path :
         {"/usr/bin/python3.11", "/opt/sshd/bin/web", "/usr/bin/mysshd", "/srv/systemd/app", "/", ""}) {
        EXPECT_FALSE(is_protected_executable(path, {})) << path;
    }
}

TEST(Protected, SettingsAddAndNeverRemove) {
    RemedySettings settings;
    settings.protected_units = {"postgresql*", "!ssh.service"};
    settings.protected_executables = {"java", "/opt/core/*"};
    EXPECT_TRUE(is_protected_unit("postgresql@15-main.service", settings));
    EXPECT_TRUE(is_protected_unit("ssh.service", settings));
    EXPECT_TRUE(is_protected_executable("/usr/lib/jvm/bin/java", settings));
    EXPECT_TRUE(is_protected_executable("/opt/core/bin/x", settings));
    EXPECT_FALSE(is_protected_executable("/opt/other/core/x", settings));
    EXPECT_TRUE(is_protected_executable("/usr/sbin/sshd", settings));
}

TEST(Protected, ProcessesByPidUnitAndProgram) {
    Owner owner = owner_of("leaky.service");
    EXPECT_EQ(protection_of(owner, {}, RemedyAction::kSystemdRestart), std::nullopt);
    owner.process.pid = 1;
    EXPECT_THAT(protection_of(owner, {}, RemedyAction::kSystemdRestart).value_or(""), HasSubstr("pid 1"));
    owner.process.pid = static_cast<std::uint32_t>(::getpid());
    EXPECT_THAT(protection_of(owner, {}, RemedyAction::kSystemdRestart).value_or(""), HasSubstr("itself"));

    owner = owner_of("leaky.service");
    owner.user_unit = "dbus.service";
    EXPECT_THAT(protection_of(owner, {}, RemedyAction::kSystemdRestart).value_or(""),
                HasSubstr("dbus.service"));

    owner = owner_of("");
    owner.executable = "/usr/sbin/sshd";
    EXPECT_THAT(protection_of(owner, {}, RemedyAction::kSystemdRestart).value_or(""), HasSubstr("sshd"));
}

TEST(Protected, AUserManagerButNotTheUnitsThatItRestarts) {
    Owner owner = owner_of("user@1000.service");
    EXPECT_NE(protection_of(owner, {}, RemedyAction::kSystemdRestart), std::nullopt) << "the manager itself";
    owner.user_unit = "app.service";
    EXPECT_EQ(protection_of(owner, {}, RemedyAction::kSystemdRestart), std::nullopt);
    EXPECT_NE(protection_of(owner, {}, RemedyAction::kCommand), std::nullopt)
        << "a command may name the manager by {unit}";
    EXPECT_NE(protection_of(owner, {}, RemedyAction::kMonitRestart), std::nullopt);
    RemedySettings settings;
    settings.protected_units = {"app*"};
    EXPECT_NE(protection_of(owner, settings, RemedyAction::kSystemdRestart), std::nullopt);
    owner.user_unit = "dbus.service";
    EXPECT_NE(protection_of(owner, {}, RemedyAction::kSystemdRestart), std::nullopt);
    owner.user_unit = "app.service";
    for (const char* unit : {"user@.service", "user@1000x.service", "sshd.service"}) {
        owner.unit = unit;
        EXPECT_NE(protection_of(owner, {}, RemedyAction::kSystemdRestart), std::nullopt) << unit;
    }
}

TEST(Protected, AProgramThatCannotBeToldIsProtected) {
    Owner owner = owner_of("leaky.service");
    owner.executable.clear();
    EXPECT_THAT(protection_of(owner, {}, RemedyAction::kSystemdRestart).value_or(""),
                HasSubstr("cannot be read"));
}

TEST(Protected, ACommOfSshdProtectsThoughTheProgramIsAnother) {
    Owner owner = owner_of("leaky.service");
    owner.comm = "sshd";
    EXPECT_NE(protection_of(owner, {}, RemedyAction::kSystemdRestart), std::nullopt);
}

TEST(Protected, HostileNamesArePrintedHarmlessly) {
    Owner owner = owner_of("systemd-\x1b[2J\xff\n.service");
    const std::string why = protection_of(owner, {}, RemedyAction::kSystemdRestart).value_or("");
    EXPECT_THAT(why, HasSubstr("\\x1b[2J\\xff\\x0a"));
}

}  // namespace
}  // namespace sockdog
