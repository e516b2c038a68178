#include "probe/call_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "probe/libbpf_words.h"

namespace sockdog {
namespace {

struct CallPart {
    std::string_view program;
    std::string_view hook;
    CallObject::Group group;
    std::string_view without;
};

constexpr std::array<CallPart, 6> kParts = {{
    {"connected", "tp_btf/inet_sock_set_state", CallObject::Group::kConnect, "no call sites"},
    {"accepted", "tp/syscalls/sys_exit_accept", CallObject::Group::kAccept, "no call sites of accept()"},
    {"accepted4", "tp/syscalls/sys_exit_accept4", CallObject::Group::kAccept, "no call sites of accept4()"},
    {"process_forked", "tp_btf/sched_process_fork", CallObject::Group::kFollow, "children are not followed"},
    {"process_executed", "tp_btf/sched_process_exec", CallObject::Group::kExec,
     "a process that runs another program is taken for what it was"},
    {"process_exited", "tp_btf/sched_process_exit", CallObject::Group::kFollow,
     "the end of a followed process is not told of"},
}};

bpf_program* program_of(const callsite_bpf& skeleton, const CallPart& part) {
    return bpf_object__find_program_by_name(skeleton.obj, std::string(part.program).c_str());
}

/// Where the skeleton keeps its link.
bpf_link** link_of(callsite_bpf& skeleton, std::string_view program) {
    auto& links = skeleton.links;
    if (program == "connected") return &links.connected;
    if (program == "accepted") return &links.accepted;
    if (program == "accepted4") return &links.accepted4;
    if (program == "process_forked") return &links.process_forked;
    if (program == "process_executed") return &links.process_executed;
    return &links.process_exited;
}

Capability capability_of(const CallPart& part) {
    return Capability{.name = std::string(part.program),
                      .hook = std::string(part.hook),
                      .required = false,  // sockdogd does without call sites
                      .available = true,
                      .without = std::string(part.without),
                      .detail = {}};
}

std::string refusal(int error) {
    return std::string(std::strerror(-error)) + ": " + libbpf_verdict();
}

}  // namespace

Result<CallObject::Skeleton> CallObject::open_sized(const CallTracerOptions& options) {
    begin_libbpf_words();
    Skeleton skeleton(callsite_bpf__open());
    if (!skeleton) return Error::from_errno("open the BPF object of the call sites");
    auto& maps = skeleton->maps;
    if (bpf_map__set_max_entries(maps.runtimes, options.max_processes) != 0 ||
        bpf_map__set_max_entries(maps.stacks, options.stack_buffer_bytes) != 0 ||
        bpf_map__set_max_entries(maps.follows, options.follow_buffer_bytes) != 0)
        return Error::from_errno("size the maps of the call sites");
    return skeleton;
}

std::vector<Capability> CallObject::try_each() {
    const CallTracerOptions small{
        .max_processes = 64, .stack_buffer_bytes = 4096, .follow_buffer_bytes = 4096};
    std::vector<Capability> capabilities;
    for (const CallPart& part : kParts) {
        Capability& capability = capabilities.emplace_back(capability_of(part));
        if (part.group == Group::kAccept && !tracefs_present()) {
            capability.available = false;
            capability.detail = "tracefs is not mounted at /sys/kernel/tracing";
            continue;
        }
        auto skeleton = open_sized(small);
        if (!skeleton) {
            capability.available = false;
            capability.detail = skeleton.error().message;
            continue;
        }
        for (const CallPart& other : kParts)
            bpf_program__set_autoload(program_of(**skeleton, other), other.program == part.program);
        bpf_map__set_max_entries((*skeleton)->maps.records, 64);
        const int error = callsite_bpf__load(skeleton->get());
        capability.available = error == 0;
        if (error != 0) capability.detail = refusal(error);
    }
    return capabilities;
}

Status CallObject::load_available(const CallTracerOptions& options, int records_fd) {
    auto skeleton = open_sized(options);
    if (!skeleton) return skeleton.error();
    if (bpf_map__reuse_fd((*skeleton)->maps.records, records_fd) != 0)
        return Error::from_errno("share the records of the books");
    for (std::size_t i = 0; i < kParts.size(); i++)
        bpf_program__set_autoload(program_of(**skeleton, kParts[i]), capabilities_[i].available);
    const int error = callsite_bpf__load(skeleton->get());
    if (error != 0)
        return Error::from_errno("load the BPF programs of the call sites (" + libbpf_verdict() + ")",
                                 -error);
    skeleton_ = std::move(skeleton).value();
    return Ok{};
}

Result<CallObject> CallObject::load(const CallTracerOptions& options, int records_fd) {
    CallObject object;
    for (const CallPart& part : kParts) object.capabilities_.push_back(capability_of(part));
    auto loaded = object.load_available(options, records_fd);
    if (loaded) return object;
    if (loaded.error().code == EPERM || loaded.error().code == EACCES) return loaded.error();
    object.capabilities_ = try_each();
    for (std::size_t i = 0; i < kParts.size(); i++) {
        const Capability& capability = object.capabilities_[i];
        if (capability.available) continue;
        if (kParts[i].group == Group::kConnect)
            return make_error("the kernel refuses " + capability.name + ": " + capability.detail,
                              loaded.error().code);
        object.do_without(object.capabilities_[i], capability.detail);
    }
    loaded = object.load_available(options, records_fd);
    if (!loaded) return loaded.error();
    return object;
}

void CallObject::do_without(Capability& capability, const std::string& why) {
    capability.available = false;
    capability.detail = why;
    spdlog::warn("{} ({}) is not available: {}; without it: {}", capability.name, capability.hook, why,
                 capability.without);
}

Status CallObject::set_attached(Group group, bool on) {
    for (std::size_t i = 0; i < kParts.size(); i++) {
        if (kParts[i].group != group) continue;
        bpf_link** const link = link_of(*skeleton_, kParts[i].program);
        if (!on) {
            bpf_link__destroy(*link);  // of nothing: nothing
            *link = nullptr;
            continue;
        }
        if (*link != nullptr || !capabilities_[i].available) continue;
        if (group == Group::kAccept && !tracefs_present()) {
            do_without(capabilities_[i], "tracefs is not mounted at /sys/kernel/tracing");
            continue;
        }
        *link = bpf_program__attach(program_of(*skeleton_, kParts[i]));
        if (*link != nullptr) continue;
        const Error error = Error::from_errno("attach " + std::string(kParts[i].program));
        if (group == Group::kConnect) return error;
        do_without(capabilities_[i], error.message);
    }
    return Ok{};
}

std::vector<Capability> probe_call_site_capabilities() {
    return CallObject::try_each();
}

}  // namespace sockdog
