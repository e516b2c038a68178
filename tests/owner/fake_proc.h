// A /proc-like tree in a temporary folder, for tests of whatever reads /proc through ProcRoot. Removed on
// destruction.
//
//   FakeProc proc;
//   const ProcessId nginx = proc.add({.pid = 7, .comm = "nginx", .exe = "/usr/sbin/nginx", .cgroup =
//   "0::/system.slice/nginx.service\n"}); OwnerResolver resolver(proc.root());
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/proc_root.h"

namespace sockdog::testing_support {

struct FakeProcess {
    std::uint32_t pid = 0;
    std::uint64_t start_ticks = 1000;
    std::string comm = "program";
    std::string exe = {};  // target of the link; empty: no link, as of kernel threads and zombies
    std::vector<std::string> arguments = {};  // empty: an empty cmdline
    std::string cgroup = "0::/\n";            // the whole file
    std::uint32_t uid = 0;                    // effective; the real one is told as 4242 to catch mix-ups
    char state = 'S';
    bool has_memory = true;  // false: exiting, but no zombie yet; zombies never have any
    int threads = 1;         // the leader, alive or zombie, counts
};

class FakeProc {
  public:
    FakeProc() {
        std::string pattern = (std::filesystem::temp_directory_path() / "sockdog_proc_XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
        root_ = pattern;
    }
    ~FakeProc() {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }
    FakeProc(const FakeProc&) = delete;
    FakeProc& operator=(const FakeProc&) = delete;

    [[nodiscard]] ProcRoot root() const { return ProcRoot(root_); }
    [[nodiscard]] const std::filesystem::path& path() const { return root_; }

    /// Adds the process, or puts it in place of whatever had its pid.
    ProcessId add(const FakeProcess& process) {
        remove(process.pid);
        const auto pid = std::to_string(process.pid);
        write(pid + "/stat", pid + " (" + process.comm + ") " + process.state +
                                 " 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 " +
                                 std::to_string(process.threads) + " 0 " +
                                 std::to_string(process.start_ticks) + " 1000 200\n");
        write(pid + "/comm", process.comm + "\n");
        write(pid + "/status", status_of(process));
        write(pid + "/cgroup", process.cgroup);
        std::string cmdline;
        for (const std::string& argument : process.arguments) cmdline += argument + '\0';
        write(pid + "/cmdline", cmdline);
        if (!process.exe.empty()) std::filesystem::create_symlink(process.exe, root_ / pid / "exe");
        return ProcessId{process.pid, process.start_ticks};
    }
    void remove(std::uint32_t pid) { std::filesystem::remove_all(root_ / std::to_string(pid)); }

    /// Any file below the root: "7/limits", "sys/net/ipv4/ip_local_port_range".
    void write(std::string_view name, std::string_view content) {
        const auto file = root_ / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << content;
    }

  private:
    /// status as the kernel prints it: newlines and backslashes in the name escaped.
    static std::string status_of(const FakeProcess& process) {
        std::string name;
        for (const char c : process.comm) {
            if (c == '\n') {
                name += "\\n";
            } else if (c == '\\') {
                name += "\\\\";
            } else {
                name += c;
            }
        }
        const std::string uid = std::to_string(process.uid);
        const bool has_memory = process.has_memory && process.state != 'Z' && process.state != 'X';
        return "Name:\t" + name + "\nUmask:\t0022\nState:\t" + process.state + " (some)\nTgid:\t" +
               std::to_string(process.pid) + "\nUid:\t4242\t" + uid + "\t" + uid + "\t" + uid +
               "\nGid:\t0\t0\t0\t0\n" + (has_memory ? "VmSize:\t    4712 kB\n" : "");
    }

    std::filesystem::path root_;
};

}  // namespace sockdog::testing_support
