#include "probe/call_tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <utility>

#include "probe/books_impl.h"
#include "probe/call_convert.h"
#include "probe/call_object.h"
#include "probe/read_once.h"

namespace sockdog {

struct CallTracer::Impl {
    explicit Impl(CallObject loaded) : object(std::move(loaded)) {}

    Status open_rings();
    /// Attaches what the watched processes need, and no more.
    Status attach_needed();
    [[nodiscard]] int runtimes() const { return bpf_map__fd(object.skeleton().maps.runtimes); }

    CallObject object;
    Ring rings;  // both: one fd
    const std::function<void(CallStack)>* stack_handler = nullptr;
    const std::function<void(const FollowEvent&)>* follow_handler = nullptr;
    bool ended = false;  // somebody, since the last look at what is needed
    std::uint64_t malformed = 0;
};

Status CallTracer::Impl::open_rings() {
    const auto on_follow = [](void* context, void* data, std::size_t size) {
        auto* impl = static_cast<Impl*>(context);
        const auto event = follow_event_from(data, size);
        if (!event) {
            impl->malformed++;
            return 0;
        }
        impl->ended = impl->ended || event->kind == FollowEvent::Kind::kExit;
        if (impl->follow_handler != nullptr && *impl->follow_handler) (*impl->follow_handler)(*event);
        return 0;
    };
    const auto on_stack = [](void* context, void* data, std::size_t size) {
        auto* impl = static_cast<Impl*>(context);
        auto stack = call_stack_from(data, size);
        if (!stack)
            impl->malformed++;
        else if (impl->stack_handler != nullptr && *impl->stack_handler)
            (*impl->stack_handler)(std::move(*stack));
        return 0;
    };
    const auto& maps = object.skeleton().maps;
    // In this order they are read: a child is told of before its stacks.
    rings.reset(ring_buffer__new(bpf_map__fd(maps.follows), on_follow, this, nullptr));
    if (!rings || ring_buffer__add(rings.get(), bpf_map__fd(maps.stacks), on_stack, this) != 0)
        return Error::from_errno("open the ring buffers of the call sites");
    return Ok{};
}

Status CallTracer::Impl::attach_needed() {
    bool any = false;
    std::uint32_t flags = 0;
    std::uint32_t pid = 0;
    const std::uint32_t* previous = nullptr;
    // An entry that goes under our feet starts the kernel's walk again: bounded by twice the capacity.
    const std::uint32_t bound = 2 * bpf_map__max_entries(object.skeleton().maps.runtimes);
    for (std::uint32_t i = 0; i < bound && bpf_map_get_next_key(runtimes(), previous, &pid) == 0; i++) {
        RuntimeLayout layout{};
        previous = &pid;
        if (bpf_map_lookup_elem(runtimes(), &pid, &layout) != 0) continue;
        any = true;
        flags |= layout.flags;
    }
    using Group = CallObject::Group;
    for (const auto& [group, on] : {std::pair(Group::kFollow, (flags & SOCKDOG_RUNTIME_FOLLOW) != 0),
                                    std::pair(Group::kExec, any), std::pair(Group::kConnect, any),
                                    std::pair(Group::kAccept, (flags & SOCKDOG_RUNTIME_ACCEPTS) != 0)}) {
        auto attached = object.set_attached(group, on);
        if (!attached) return attached;
    }
    return Ok{};
}

CallTracer::CallTracer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CallTracer::~CallTracer() = default;

Result<std::unique_ptr<CallTracer>> CallTracer::open(const Books& books, const CallTracerOptions& options) {
    auto object = CallObject::load(options, bpf_map__fd(books.impl().object.skeleton().maps.records));
    if (!object) {
        if (object.error().code == EPERM || object.error().code == EACCES)
            return object.error().within("BPF needs root, or CAP_BPF and CAP_PERFMON");
        return object.error();
    }
    auto impl = std::make_unique<Impl>(std::move(object).value());
    auto opened = impl->open_rings();
    if (!opened) return opened.error();
    return std::unique_ptr<CallTracer>(new CallTracer(std::move(impl)));
}

Status CallTracer::watch(ProcessId process, RuntimeLayout layout) {
    if (!process.known()) return make_error("no process to watch", EINVAL);
    layout.start_ticks = process.start_ticks;
    if (bpf_map_update_elem(impl_->runtimes(), &process.pid, &layout, BPF_ANY) != 0)
        return Error::from_errno("watch process " + std::to_string(process.pid));
    auto attached = impl_->attach_needed();
    if (!attached) bpf_map_delete_elem(impl_->runtimes(), &process.pid);
    return attached;
}

void CallTracer::unwatch(ProcessId process) {
    if (!watches(process)) return;
    bpf_map_delete_elem(impl_->runtimes(), &process.pid);
    (void)impl_->attach_needed();
}

bool CallTracer::watches(ProcessId process) const {
    RuntimeLayout layout{};
    return bpf_map_lookup_elem(impl_->runtimes(), &process.pid, &layout) == 0 &&
           layout.start_ticks == process.start_ticks;
}

void CallTracer::forget(std::uint64_t call_site) {
    bpf_map_delete_elem(bpf_map__fd(impl_->object.skeleton().maps.seen), &call_site);
}

int CallTracer::fd() const {
    return ring_buffer__epoll_fd(impl_->rings.get());
}

void CallTracer::drain(const std::function<void(CallStack)>& stack,
                       const std::function<void(const FollowEvent&)>& follow) {
    impl_->stack_handler = &stack;
    impl_->follow_handler = &follow;
    ring_buffer__consume(impl_->rings.get());
    impl_->stack_handler = nullptr;
    impl_->follow_handler = nullptr;
    if (std::exchange(impl_->ended, false)) (void)impl_->attach_needed();
}

CallLosses CallTracer::losses() const {
    const sockdog_callsite_losses& losses = impl_->object.skeleton().bss->losses;
    return CallLosses{.captured = read_once(losses.captured),
                      .stack_dropped = read_once(losses.stack_dropped),
                      .follow_dropped = read_once(losses.follow_dropped),
                      .scratch_busy = read_once(losses.scratch_busy),
                      .record_missing = read_once(losses.record_missing),
                      .runtime_refused = read_once(losses.runtime_refused),
                      .malformed = impl_->malformed};
}

const std::vector<Capability>& CallTracer::capabilities() const {
    return impl_->object.capabilities();
}

}  // namespace sockdog
