#include "probe/pins.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "base/time.h"
#include "probe/kept_books.h"

namespace sockdog {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMap = "map_";
constexpr std::string_view kLink = "link_";
constexpr std::string_view kProgram = "program_";
constexpr std::string_view kPrograms = "programs_";

std::string joined(std::string_view prefix, std::string_view name) {
    return std::string(prefix) + std::string(name);
}

std::vector<fs::path> entries_of(const fs::path& folder) {
    std::vector<fs::path> entries;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
        entries.push_back(entry->path());
    return entries;
}

/// Names in bpffs begin with what they are.
bool is_kind(const fs::path& path, std::string_view prefix) {
    return path.filename().string().starts_with(prefix);
}

bool is_bpffs(const fs::path& path) {
    struct statfs status {};
    return statfs(path.c_str(), &status) == 0 && status.f_type == BPF_FS_MAGIC;
}

Status make_folder(const fs::path& folder) {
    if (mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return Ok{};
    const int code = errno;
    const Error error = Error::from_errno("make " + folder.string(), code);
    if (code == EROFS)
        return make_error(error.message + " (a unit with ProtectKernelTunables= needs ReadWritePaths=" +
                              folder.string() + ", and the folder before it starts)",
                          code);
    if (code == EPERM && folder.filename().string().find('.') != std::string::npos)
        return make_error(error.message + " (names in bpffs have no dots)", code);
    return error;
}

Status check_place(const fs::path& directory) {
    const fs::path parent = directory.parent_path();
    if (is_bpffs(parent)) return Ok{};
    return make_error(parent.string() + " is no BPF file system: mount -t bpf bpf /sys/fs/bpf", ENOTSUP);
}

Result<UniqueFd> lock(const fs::path& directory) {
    UniqueFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) return Error::from_errno("open " + directory.string());
    if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
    if (errno == EWOULDBLOCK)
        return make_error("another sockdogd keeps its books in " + directory.string(), EWOULDBLOCK);
    return Error::from_errno("lock " + directory.string());
}

/// Removes a tree of pins. Links first: programs stop before the maps that they write to have no name any
/// more.
void remove_pins(const fs::path& path, DiscardedBooks& removed) {
    const bool is_folder = fs::is_directory(fs::symlink_status(path));
    if (is_folder) {
        const auto entries = entries_of(path);
        for (const bool folders : {true, false})
            for (const fs::path& entry : entries)
                if (fs::is_directory(fs::symlink_status(entry)) == folders) remove_pins(entry, removed);
    }
    std::error_code error;
    if (!fs::remove(path, error)) {
        if (error) spdlog::warn("remove {}: {}", path.string(), error.message());
        return;
    }
    if (is_kind(path, kMap)) removed.maps++;
    if (is_kind(path, kLink)) removed.programs++;
    if (is_folder && !is_kind(path, kPrograms)) removed.folders++;
}

void remove_other_layouts(const fs::path& directory, const std::string& layout) {
    for (const fs::path& entry : entries_of(directory)) {
        if (entry.filename() == layout) continue;
        DiscardedBooks removed;
        remove_pins(entry, removed);
        spdlog::info("the books begin anew: those of another layout or version are removed, {} ({})",
                     removed.to_string(), entry.string());
    }
}

struct HeldLink {
    UniqueFd fd;
    std::uint32_t id = 0;
};

HeldLink hold(const fs::path& path) {
    HeldLink held{UniqueFd(bpf_obj_get(path.c_str()))};
    bpf_link_info info{};
    __u32 size = sizeof info;
    if (held.fd && bpf_obj_get_info_by_fd(held.fd.get(), &info, &size) == 0) held.id = info.id;
    return held;
}

/// Whether the kernel still knows the link. It tells only with CAP_SYS_ADMIN, which sockdogd has; without it
/// (EPERM) the wait before has to be enough.
bool exists(std::uint32_t id) {
    const UniqueFd fd(bpf_link_get_fd_by_id(id));
    return fd || (errno != ENOENT && errno != EPERM);
}

}  // namespace

Result<PinFolder> PinFolder::take(const fs::path& directory, const std::string& layout,
                                  const std::string& content) {
    auto placed = check_place(directory);
    if (!placed) return placed.error();
    PinFolder pins;
    pins.layout_ = directory / layout;
    pins.programs_ = pins.layout_ / joined(kPrograms, content);
    auto made = make_folder(directory);
    if (!made) return made.error();
    auto locked = lock(directory);
    if (!locked) return locked.error();
    pins.lock_ = std::move(locked).value();
    remove_other_layouts(directory, layout);
    for (const fs::path& folder : {pins.layout_, pins.programs_}) {
        made = make_folder(folder);
        if (!made) return made.error();
    }
    return pins;
}

fs::path PinFolder::map(std::string_view name) const {
    // Dots are reserved in bpffs: "sockdog_.bss" is pinned as map_bss.
    const std::size_t dot = name.rfind('.');
    return layout_ / joined(kMap, dot == std::string_view::npos ? name : name.substr(dot + 1));
}

fs::path PinFolder::link(std::string_view program) const {
    return programs_ / joined(kLink, program);
}

fs::path PinFolder::program(std::string_view program) const {
    return programs_ / joined(kProgram, program);
}

std::vector<fs::path> PinFolder::other_programs() const {
    std::vector<fs::path> others;
    for (const fs::path& entry : entries_of(layout_))
        if (is_kind(entry, kPrograms) && entry != programs_) others.push_back(entry);
    return others;
}

void PinFolder::clear() const {
    DiscardedBooks removed;
    for (const fs::path& other : other_programs()) remove_pins(other, removed);
    for (const fs::path& folder : {programs_, layout_})
        for (const fs::path& entry : entries_of(folder))
            if (entry != programs_) remove_pins(entry, removed);
}

void PinFolder::remove() const {
    clear();
    for (const fs::path& folder : {programs_, layout_}) rmdir(folder.c_str());
}

void detach_links(const fs::path& folder) {
    // The name in bpffs holds on to its link until an RCU grace period after it is removed, our descriptor
    // until it is closed: closed after that it is the last, and the kernel detaches at once.
    constexpr auto kNamesAreGone = 50ms;
    constexpr auto kLimit = 5s;
    std::vector<HeldLink> links;
    for (const fs::path& entry : entries_of(folder)) {
        if (!is_kind(entry, kLink)) continue;
        links.push_back(hold(entry));
        unlink(entry.c_str());
    }
    DiscardedBooks rest;
    remove_pins(folder, rest);
    if (links.empty()) return;
    std::this_thread::sleep_for(kNamesAreGone);
    for (HeldLink& link : links) link.fd.reset();
    const MonoTime deadline = MonoClock::now() + kLimit;
    for (const HeldLink& link : links)
        while (exists(link.id) && MonoClock::now() < deadline) std::this_thread::sleep_for(100us);
}

std::uint64_t recursion_misses_in(const fs::path& folder) {
    std::uint64_t misses = 0;
    for (const fs::path& entry : entries_of(folder)) {
        if (!is_kind(entry, kProgram)) continue;
        const UniqueFd fd(bpf_obj_get(entry.c_str()));
        bpf_prog_info info{};
        __u32 size = sizeof info;
        if (fd && bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0) misses += info.recursion_misses;
    }
    return misses;
}

std::string DiscardedBooks::to_string() const {
    return std::to_string(programs) + (programs == 1 ? " program" : " programs") + " and " +
           std::to_string(maps) + (maps == 1 ? " map" : " maps");
}

Result<DiscardedBooks> discard_books(const fs::path& directory) {
    DiscardedBooks removed;
    std::error_code error;
    if (!fs::exists(directory, error) || !is_bpffs(directory)) return removed;
    auto locked = lock(directory);
    if (!locked) return locked.error();
    for (const fs::path& entry : entries_of(directory)) remove_pins(entry, removed);
    // Below a sandbox that opens this folder alone it cannot be removed, and is no harm.
    if (rmdir(directory.c_str()) != 0 && errno != EBUSY && errno != EROFS)
        return Error::from_errno("remove " + directory.string());
    return removed;
}

Status can_keep_books(const fs::path& directory) {
    auto placed = check_place(directory);
    if (!placed) return placed;
    std::error_code error;
    if (fs::exists(directory, error)) {
        auto locked = lock(directory);
        return locked ? Status(Ok{}) : Status(locked.error());
    }
    if (access(directory.parent_path().c_str(), W_OK) != 0)
        return Error::from_errno("write to " + directory.parent_path().string());
    return Ok{};
}

}  // namespace sockdog
