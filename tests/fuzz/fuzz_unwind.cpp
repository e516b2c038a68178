// Stacks and registers that are made up, in the code of the fuzzer itself.
#include <unistd.h>

#include <algorithm>

#include "base/proc_root.h"
#include "callsite/resolver.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sockdog;
    static CallSiteResolver resolver;
    static const ProcessId self =
        ProcRoot().identify(static_cast<std::uint32_t>(getpid())).value_or(ProcessId{});
    CallStack stack;
    if (size < sizeof stack.registers) return 0;
    std::memcpy(&stack.registers, data, sizeof stack.registers);
    // Near a function that exists: most other addresses end the walk at once.
    stack.registers.ip =
        reinterpret_cast<std::uint64_t>(&LLVMFuzzerTestOneInput) + stack.registers.ip % (1U << 20);
    stack.id = 1;
    stack.process = self;
    stack.thread = self.pid;
    stack.kind = RuntimeKind::kNative;
    stack.copy.assign(data + sizeof stack.registers, data + std::min<std::size_t>(size, 16384));
    if (resolver.resolve(stack).frames.size() > 64 * 64) __builtin_trap();
    return 0;
}
