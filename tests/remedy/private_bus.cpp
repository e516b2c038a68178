#include "remedy/private_bus.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

#include "base/text.h"

namespace sockdog::testing {
namespace {

/// One line from `fd`, waiting at most 10 s.
std::string read_line(int fd) {
    std::string line;
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 1000; ++i) {
        char c = 0;
        const ssize_t n = ::read(fd, &c, 1);
        if (n == 1 && c == '\n') return line;
        if (n == 1) {
            line += c;
            --i;
            if (line.size() > 4096) return line;
            continue;
        }
        if (n == 0) return line;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return line;
}

void end_process(pid_t& pid) {
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    pid = -1;
}

constexpr const char* kConfig =
    R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=FOLDER/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
)";

}  // namespace

PrivateBus::PrivateBus() {
    std::array<char, 32> name{};
    std::strcpy(name.data(), "/tmp/sockdog-bus-XXXXXX");
    if (::mkdtemp(name.data()) == nullptr) {
        problem_ = "cannot make a folder in /tmp";
        return;
    }
    folder_ = name.data();
    std::string config = kConfig;
    config.replace(config.find("FOLDER"), 6, folder_);
    std::ofstream(folder_ + "/bus.conf") << config;

    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        problem_ = "cannot make a pipe";
        return;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    // It complains about the limit of file descriptors that only root may raise.
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    std::string config_option = "--config-file=" + folder_ + "/bus.conf";
    std::array<std::string, 4> argv = {"dbus-daemon", config_option, "--nofork", "--print-address=1"};
    std::array<char*, 5> pointers = {argv[0].data(), argv[1].data(), argv[2].data(), argv[3].data(), nullptr};
    const int r = ::posix_spawnp(&pid_, "dbus-daemon", &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (r == 0) address_ = read_line(ends[0]);
    ::close(ends[0]);
    if (r != 0) pid_ = -1;
    if (address_.empty()) problem_ = "dbus-daemon is not installed or does not start";
}

PrivateBus::~PrivateBus() {
    kill_daemon();
    if (folder_.empty()) return;
    ::unlink((folder_ + "/bus").c_str());
    ::unlink((folder_ + "/bus.conf").c_str());
    ::rmdir(folder_.c_str());
}

void PrivateBus::kill_daemon() {
    end_process(pid_);
}

// The child itself is in fake_systemd.cpp.
[[noreturn]] void serve_fake_systemd(const std::string& address, const UnitScript& script, int log_fd);

FakeSystemd::FakeSystemd(const std::string& address, UnitScript script) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        problem_ = "cannot make a pipe";
        return;
    }
    pid_ = ::fork();
    if (pid_ == 0) {
        ::close(ends[0]);
        serve_fake_systemd(address, script, ends[1]);
    }
    ::close(ends[1]);
    log_fd_ = ends[0];
    const std::string first = read_line(log_fd_);
    if (first != "ready") problem_ = "the stand-in for systemd did not start: " + first;
}

FakeSystemd::~FakeSystemd() {
    end_process(pid_);
    if (log_fd_ >= 0) ::close(log_fd_);
}

std::vector<std::string> FakeSystemd::calls() {
    std::array<char, 4096> buffer{};
    for (ssize_t n = 0; (n = ::read(log_fd_, buffer.data(), buffer.size())) > 0;) {
        log_.append(buffer.data(), static_cast<std::size_t>(n));
    }
    std::vector<std::string> out;
    for (auto& line : split(log_, '\n')) {
        if (!line.empty()) out.push_back(std::move(line));
    }
    return out;
}

}  // namespace sockdog::testing
