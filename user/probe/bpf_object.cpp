#include "probe/bpf_object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "probe/layout.h"
#include "probe/libbpf_words.h"

namespace sockdog {
namespace {

/// The kernel does not change, and reading its BTF takes milliseconds.
bool kernel_can_disable_preemption() {
    static const bool kCan = [] {
        btf* kernel = btf__load_vmlinux_btf();
        const bool has =
            kernel != nullptr && btf__find_by_name_kind(kernel, "bpf_preempt_disable", BTF_KIND_FUNC) > 0;
        btf__free(kernel);
        return has;
    }();
    return kCan;
}

bool is_syscall_part(std::string_view program) {
    return program.ends_with("_failed");
}

void choose_programs(sockdog_bpf& skeleton, const std::function<bool(const BpfPart&)>& wanted) {
    for (const BpfPart& part : bpf_parts()) {
        bpf_program* program =
            bpf_object__find_program_by_name(skeleton.obj, std::string(part.program).c_str());
        bpf_program__set_autoload(program, wanted(part));
    }
}

Capability capability_of(const BpfPart& part, bool available, std::string detail) {
    return Capability{.name = std::string(part.program),
                      .hook = std::string(part.hook),
                      .required = part.required,
                      .available = available,
                      .without = std::string(part.without),
                      .detail = std::move(detail)};
}

}  // namespace

const std::vector<BpfPart>& bpf_parts() {
    static const std::vector<BpfPart> kParts = {
        {"transition", "tp_btf/inet_sock_set_state", true, false, "nothing is counted: no detection"},
        {"farewell", "tp_btf/tcp_destroy_sock", true, false, "closed sockets would be counted for ever"},
        {"transition_again", "tp_btf/inet_sock_set_state", false, false,
         "events that the kernel skips are seen by the next sweep only"},
        {"farewell_again", "tp_btf/tcp_destroy_sock", false, false,
         "ends that the kernel skips are seen by the next sweep only"},
        {"audit", "raw_tp", true, false, "skipped events stay in the counts; sockets keep a wrong owner"},
        {"walk", "raw_tp", true, true, "sockets cannot be listed: no verdict, no evidence"},
        {"stamp", "iter/task_file", true, true,
         "sockets from before the start and inherited ones have no owner"},
        {"adopt", "iter/tcp", false, false,
         "connections that waited in a backlog before the start are not seen"},
        {"process_exit", "tp_btf/sched_process_exit", false, false,
         "ended processes are noticed minutes later"},
        {"read_clock", "syscall", false, false, "idle times of sockets are not known: no idle_growth"},
        {"socket_failed", "tp/syscalls/sys_exit_socket", false, false,
         "EMFILE of socket() is not counted (books.syscall_failures)"},
        {"accept_failed", "tp/syscalls/sys_exit_accept", false, false,
         "EMFILE of accept() is not counted (books.syscall_failures)"},
        {"accept4_failed", "tp/syscalls/sys_exit_accept4", false, false,
         "EMFILE of accept4() is not counted (books.syscall_failures)"},
    };
    return kParts;
}

Result<BpfObject::Skeleton> BpfObject::open_sized(const BooksOptions& options) {
    begin_libbpf_words();
    Skeleton skeleton(sockdog_bpf__open());
    if (!skeleton) return Error::from_errno("open the BPF object");
    auto& maps = skeleton->maps;
    for (bpf_map* map : {maps.gauges, maps.slots, maps.free_slots, maps.sums})
        if (bpf_map__set_max_entries(map, options.max_processes) != 0)
            return Error::from_errno("size the gauge tables");
    if (bpf_map__set_max_entries(maps.records, options.max_sockets) != 0)
        return Error::from_errno("size the records");
    if (bpf_map__set_max_entries(maps.notices, options.event_buffer_bytes) != 0 ||
        bpf_map__set_max_entries(maps.traces, options.trace_buffer_bytes) != 0)
        return Error::from_errno("size the ring buffers");
    skeleton->rodata->max_slots = options.max_processes;
    skeleton->rodata->can_disable_preemption = kernel_can_disable_preemption() ? 1 : 0;
    skeleton->rodata->tell_leftovers = options.leftovers ? 1 : 0;
    return skeleton;
}

std::vector<Capability> BpfObject::try_each() {
    std::vector<Capability> capabilities;
    const BooksOptions small{
        .max_sockets = 64, .max_processes = 64, .event_buffer_bytes = 4096, .trace_buffer_bytes = 4096};
    for (const BpfPart& part : bpf_parts()) {
        if (is_syscall_part(part.program) && !tracefs_present()) {
            capabilities.push_back(
                capability_of(part, false, "tracefs is not mounted at /sys/kernel/tracing"));
            continue;
        }
        auto skeleton = open_sized(small);
        if (!skeleton) {
            capabilities.push_back(capability_of(part, false, skeleton.error().message));
            continue;
        }
        choose_programs(**skeleton, [&](const BpfPart& other) { return other.program == part.program; });
        begin_libbpf_words();
        const int error = sockdog_bpf__load(skeleton->get());
        std::string detail;
        if (error != 0) detail = std::string(std::strerror(-error)) + ": " + libbpf_verdict();
        capabilities.push_back(capability_of(part, error == 0, detail));
    }
    return capabilities;
}

namespace {

/// Programs on tracepoints since 7.0 (docs/kernels.md). The version decides: nothing else tells.
bool can_preempt_programs() {
    utsname name{};
    unsigned major = 0;
    return uname(&name) == 0 && std::sscanf(name.release, "%u.", &major) == 1 && major >= 7;
}

bool is_second(std::string_view program) {
    return program.ends_with("_again");
}

bool is_wanted(const BpfPart& part, const BooksOptions& options) {
    if (is_second(part.program))
        return options.follow && options.second_look.value_or(can_preempt_programs());
    if (is_syscall_part(part.program))
        return options.follow && options.syscall_failures != SyscallFailures::kNever && tracefs_present();
    return options.follow || part.needed_once || part.program == "adopt" || part.program == "read_clock";
}

std::size_t index_of(const BpfPart& part) {
    return static_cast<std::size_t>(&part - bpf_parts().data());
}

/// The kernel side's variables in our memory, where the skeleton points, whoever created the map: with libbpf
/// 1.5 (Debian 13) those of a map that was pinned before were read and written in memory of our own.
Status map_variables(bpf_map* map) {
    std::size_t size = 0;
    void* const address = const_cast<void*>(bpf_map__initial_value(map, &size));
    if (address == nullptr) return make_error(std::string(bpf_map__name(map)) + " has no variables");
    if (mmap(address, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, bpf_map__fd(map), 0) ==
        MAP_FAILED)
        return Error::from_errno("map " + std::string(bpf_map__name(map)));
    return Ok{};
}

}  // namespace

/// One try with all that is wanted, available and not running already.
Status BpfObject::load_chosen(const BooksOptions& options) {
    auto skeleton = open_sized(options);
    if (!skeleton) return skeleton.error();
    if (pins_) {
        bpf_map* map = nullptr;
        bpf_object__for_each_map(map, (*skeleton)->obj) {
            if (is_constants(bpf_map__name(map))) continue;
            if (bpf_map__set_pin_path(map, pins_->map(bpf_map__name(map)).c_str()) != 0)
                return Error::from_errno("name the pin of a map");
        }
    }
    choose_programs(**skeleton, [&](const BpfPart& part) {
        return is_wanted(part, options) && capabilities_[index_of(part)].available && !is_taken(part.program);
    });
    begin_libbpf_words();
    const int error = sockdog_bpf__load(skeleton->get());
    if (error != 0) return Error::from_errno("load the BPF programs (" + libbpf_verdict() + ")", -error);
    for (bpf_map* const variables : {(*skeleton)->maps.bss, (*skeleton)->maps.data}) {
        auto mapped = map_variables(variables);
        if (!mapped) return mapped;
    }
    skeleton_ = std::move(skeleton).value();
    return Ok{};
}

/// Something is refused: find out what, one by one. An error where sockdog cannot do without it.
Status BpfObject::find_refused(const BooksOptions& options, const Error& refusal) {
    capabilities_ = try_each();
    std::string missing;
    for (const BpfPart& part : bpf_parts()) {
        const Capability& capability = capabilities_[index_of(part)];
        if (!is_wanted(part, options) || capability.available) continue;
        spdlog::warn("{} ({}) is not available: {}; without it: {}", part.program, part.hook,
                     capability.detail, part.without);
        if (options.follow ? part.required : part.needed_once)
            missing +=
                (missing.empty() ? "" : ", ") + std::string(part.program) + " (" + capability.detail + ")";
    }
    if (missing.empty()) return Ok{};
    return make_error("the kernel refuses what sockdog cannot do without: " + missing, refusal.code);
}

Result<BpfObject> BpfObject::load(const BooksOptions& options) {
    if (options.follow && options.syscall_failures == SyscallFailures::kAlways && !tracefs_present())
        spdlog::warn(
            "books.syscall_failures is always, but tracefs is not mounted at /sys/kernel/tracing: EMFILE is "
            "not "
            "counted");
    BpfObject object;
    for (const BpfPart& part : bpf_parts()) object.capabilities_.push_back(capability_of(part, true, ""));
    auto pinned = object.take_pins(options);
    if (!pinned) object.give_up_pins(pinned.error());
    auto loaded = object.load_chosen(options);
    if (!loaded) {
        auto refused = object.find_refused(options, loaded.error());
        if (!refused) return refused.error();
        loaded = object.load_chosen(options);
    }
    if (!loaded && object.pins_) {
        object.give_up_pins(loaded.error());
        loaded = object.load_chosen(options);
    }
    if (!loaded) return loaded.error();
    object.keeping_.taken_over = object.pins_ && object.skeleton_->bss->kept.opened_ns != 0;
    std::erase_if(object.capabilities_, [&](const Capability& capability) {
        return std::none_of(bpf_parts().begin(), bpf_parts().end(), [&](const BpfPart& part) {
            return part.program == capability.name && is_wanted(part, options);
        });
    });
    return object;
}

/// Finds out whether there are books to take up. Nothing to do where none are to be pinned.
Status BpfObject::take_pins(const BooksOptions& options) {
    if (options.pin_directory.empty() || !options.follow) return Ok{};
    auto skeleton = open_sized(options);
    if (!skeleton) return skeleton.error();
    std::size_t size = 0;
    const void* const elf = sockdog_bpf__elf_bytes(&size);
    auto pins =
        PinFolder::take(options.pin_directory, layout_name((*skeleton)->obj), content_name(elf, size));
    if (!pins) return pins.error();
    pins_ = std::move(pins).value();
    keeping_.pinned_at = pins_->path();

    // Half a set of maps is no books: they would not fit each other.
    bool whole = true;
    const bpf_map* map = nullptr;
    bpf_object__for_each_map(map, (*skeleton)->obj) {
        whole = whole && (is_constants(bpf_map__name(map)) ||
                          access(pins_->map(bpf_map__name(map)).c_str(), F_OK) == 0);
    }
    if (!whole) {
        pins_->clear();
        return Ok{};
    }
    for (const BpfPart& part : bpf_parts()) {
        const UniqueFd link(bpf_obj_get(pins_->link(part.program).c_str()));
        UniqueFd program(bpf_obj_get(pins_->program(part.program).c_str()));
        if (link && program) taken_.push_back({part.program, std::move(program)});
    }
    return Ok{};
}

bool BpfObject::is_taken(std::string_view program) const {
    return std::any_of(taken_.begin(), taken_.end(),
                       [&](const TakenProgram& taken) { return taken.name == program; });
}

/// The books are kept for as long as this process.
void BpfObject::give_up_pins(const Error& why) {
    spdlog::warn("the books are not pinned, they begin anew with every start of sockdogd: {}", why.message);
    keeping_ = {.pinned_at = {}, .why_not = why.message};
    taken_.clear();
    discard();
}

void BpfObject::discard() {
    if (pins_) pins_->remove();
    pins_.reset();
    keeping_.pinned_at.clear();
}

std::uint64_t BpfObject::recursion_misses() const {
    std::uint64_t misses = skeleton_->bss->kept.recursion_missed;
    each_info([&](const bpf_prog_info& info) { misses += info.recursion_misses; });
    return misses;
}

ProgramRuns BpfObject::runs() const {
    ProgramRuns runs;
    each_info([&](const bpf_prog_info& info) {
        runs.count += info.run_cnt;
        runs.time += std::chrono::nanoseconds(info.run_time_ns);
    });
    return runs;
}

void BpfObject::each_info(const std::function<void(const bpf_prog_info&)>& take) const {
    const auto look = [&](int fd) {
        bpf_prog_info info{};
        __u32 length = sizeof info;
        if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &length) == 0) take(info);
    };
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton_->obj) look(bpf_program__fd(program));
    for (const TakenProgram& taken : taken_) look(taken.fd.get());
}

std::vector<Capability> probe_capabilities() {
    return BpfObject::try_each();
}

}  // namespace sockdog
