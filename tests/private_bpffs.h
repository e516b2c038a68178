// A BPF file system that only this process and its children see: pins of tests meet neither those of an
// installed sockdogd nor those of one another, and go with the test, however it ends.
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include "temp_dir.h"

namespace sockdog::fixtures {

class PrivateBpffs {
  public:
    PrivateBpffs() {
        const std::string place = folder_.path().string();
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("bpf", place.c_str(), "bpf", 0, "mode=0700") != 0)
            problem_ = std::string("a BPF file system of its own cannot be mounted: ") + std::strerror(errno);
    }
    ~PrivateBpffs() {
        if (problem_.empty()) ::umount2(folder_.path().c_str(), MNT_DETACH);
    }
    PrivateBpffs(const PrivateBpffs&) = delete;
    PrivateBpffs& operator=(const PrivateBpffs&) = delete;

    /// Why there is none; empty as a rule.
    [[nodiscard]] const std::string& problem() const { return problem_; }
    /// For books.pin_directory; not made yet.
    [[nodiscard]] std::filesystem::path directory() const { return folder_ / "sockdog"; }

  private:
    TempDir folder_;
    std::string problem_;
};

}  // namespace sockdog::fixtures
