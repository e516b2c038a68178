// Attaching what was loaded, or taking up what is attached already.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>

#include "probe/bpf_object.h"

namespace sockdog {
namespace {

/// Attaches what was loaded; nothing to do for a program that was left out.
Status attach_one(bpf_program* program, bpf_link** link) {
    if (!bpf_program__autoload(program)) return Ok{};
    *link = bpf_program__attach(program);
    if (*link != nullptr) return Ok{};
    return Error::from_errno(std::string("attach ") + bpf_program__name(program));
}

}  // namespace

Status BpfObject::attach(const BooksOptions& options) {
    auto& programs = skeleton_->progs;
    auto& links = skeleton_->links;
    struct Step {
        bpf_program* program;
        bpf_link** link;
        bool follows;
    };
    const Step steps[] = {
        {programs.farewell, &links.farewell, true},
        {programs.process_exit, &links.process_exit, true},
        {programs.transition, &links.transition, true},
        {programs.transition_again, &links.transition_again, true},
        {programs.farewell_again, &links.farewell_again, true},
        {programs.stamp, &links.stamp, false},
        {programs.adopt, &links.adopt, false},
    };
    replace_programs();
    for (const Step& step : steps) {
        if (step.follows && !options.follow) continue;
        auto attached = step.follows ? follow(step.program, step.link) : attach_one(step.program, step.link);
        if (!attached && !do_without(bpf_program__name(step.program), attached.error())) return attached;
    }
    if (options.follow && options.syscall_failures == SyscallFailures::kAlways) attach_file_failures();
    return Ok{};
}

/// Programs of another version that count in our books are detached before ours are attached: counting twice
/// would be worse than a gap of a millisecond, which the first sweeps make good.
void BpfObject::replace_programs() {
    if (!pins_) return;
    for (const std::filesystem::path& others : pins_->other_programs()) {
        skeleton_->bss->kept.recursion_missed += recursion_misses_in(others);
        spdlog::info("other programs of the same layout keep the books: replaced ({})", others.string());
        detach_links(others);
    }
}

/// Takes up the link that is pinned, else attaches and pins.
Status BpfObject::follow(bpf_program* program, bpf_link** link) {
    const std::string name = bpf_program__name(program);
    if (is_taken(name)) {
        *link = bpf_link__open(pins_->link(name).c_str());
        if (*link != nullptr) return Ok{};
        return Error::from_errno("take up the pinned " + name);
    }
    auto attached = attach_one(program, link);
    if (!attached || *link == nullptr || !pins_) return attached;
    keeping_.replaced = keeping_.taken_over;
    if (bpf_obj_pin(bpf_program__fd(program), pins_->program(name).c_str()) != 0 ||
        bpf_obj_pin(bpf_link__fd(*link), pins_->link(name).c_str()) != 0)
        give_up_pins(Error::from_errno("pin " + name));
    return Ok{};
}

/// Not a part that anything else rests on: what cannot be attached is told, and that is all.
void BpfObject::attach_file_failures() {
    auto& programs = skeleton_->progs;
    auto& links = skeleton_->links;
    for (const auto& [program, link] : {std::pair(programs.socket_failed, &links.socket_failed),
                                        std::pair(programs.accept_failed, &links.accept_failed),
                                        std::pair(programs.accept4_failed, &links.accept4_failed)}) {
        if (*link != nullptr) continue;
        auto attached = attach_one(program, link);
        if (!attached) do_without(bpf_program__name(program), attached.error());
    }
}

void BpfObject::detach_file_failures() {
    auto& links = skeleton_->links;
    for (bpf_link** link : {&links.socket_failed, &links.accept_failed, &links.accept4_failed}) {
        bpf_link__destroy(*link);  // of nothing: nothing
        *link = nullptr;
    }
}

/// Notes that a part could not be attached. False when sockdog cannot do without it.
bool BpfObject::do_without(std::string_view program, const Error& error) {
    for (Capability& capability : capabilities_) {
        if (capability.name != program) continue;
        capability.available = false;
        capability.detail = error.message;
        spdlog::warn("{}; without it: {}", error.message, capability.without);
        return !capability.required;
    }
    return false;
}

}  // namespace sockdog
