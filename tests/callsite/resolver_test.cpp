// The resolver on stacks of this very process.
#include "callsite/resolver.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/proc_root.h"
#include "callsite/process_memory.h"

namespace sockdog::testing {
namespace {

ProcessId self() {
    const auto id = ProcRoot().identify(static_cast<std::uint32_t>(getpid()));
    return id ? *id : ProcessId{};
}

#if defined(__x86_64__)
/// As the kernel side would see it: registers, and what lies above the stack pointer.
CallStack stack_of(const ucontext_t& context, std::size_t bytes) {
    const auto* r = context.uc_mcontext.gregs;
    CallStack stack;
    stack.id = 1;
    stack.process = self();
    stack.thread = static_cast<std::uint32_t>(syscall(SYS_gettid));
    stack.kind = RuntimeKind::kNative;
    const auto get = [r](int number) { return static_cast<std::uint64_t>(r[number]); };
    stack.registers = {get(REG_RIP),
                       get(REG_RSP),
                       get(REG_RBP),
                       {get(REG_RBX), get(REG_R12), get(REG_R13), get(REG_R14), get(REG_R15)}};
    ProcessMemory memory(stack.process, 1U << 20);
    stack.copy = memory.get_bytes(stack.registers.sp, bytes, bytes).value_or(std::vector<std::uint8_t>());
    return stack;
}

[[gnu::noinline]] CallStack take_stack(std::size_t bytes) {
    static std::size_t size =
        0;  // not in a register: getcontext() may return twice, for all the compiler knows
    size = bytes;
    ucontext_t context{};
    getcontext(&context);
    return stack_of(context, size);
}

[[gnu::noinline]] CallStack take_stack_deeper(std::size_t bytes) {
    CallStack stack = take_stack(bytes);
    stack.accepted = true;
    return stack;
}

const CallFrame* find_function(const CallSite& site, const std::string& part) {
    const auto found = std::ranges::find_if(
        site.frames, [&](const CallFrame& frame) { return frame.function.find(part) != std::string::npos; });
    return found == site.frames.end() ? nullptr : &*found;
}

TEST(Resolver, UnwindsACopiedStackToNamesAndLines) {
    CallSiteResolver resolver;
    const CallStack stack = take_stack_deeper(4096);
    const CallSite& site = resolver.resolve(stack);
    const CallFrame* inner = find_function(site, "take_stack(");
    const CallFrame* outer = find_function(site, "take_stack_deeper");
    const CallFrame* test = find_function(site, "UnwindsACopiedStackToNamesAndLines");
    ASSERT_TRUE(inner && outer && test) << site.frames.size() << " frames, " << site.unknown_because;
    EXPECT_LT(inner, outer);
    EXPECT_LT(outer, test);
    EXPECT_TRUE(outer->file.ends_with("tests/callsite/resolver_test.cpp")) << outer->file;
    EXPECT_GT(outer->line, inner->line);
    EXPECT_GT(test->line, outer->line);
    EXPECT_EQ(inner->origin, FrameOrigin::kApplication);
    EXPECT_TRUE(site.accepted);
    ASSERT_NE(site.application_frame(), nullptr);
    EXPECT_EQ(site.unknown_because, "");
}

TEST(Resolver, SurvivesCopiesThatAreCutOrNonsense) {
    CallSiteResolver resolver;
    CallStack stack = take_stack_deeper(4096);
    for (const std::size_t bytes : {0UL, 1UL, 8UL, 64UL, 200UL}) {
        stack.copy.resize(bytes);
        EXPECT_LE(resolver.resolve(stack).frames.size(), 64U) << bytes;
    }
    stack.copy.assign(16384, 0xff);
    EXPECT_LE(resolver.resolve(stack).frames.size(), 64U);
    for (std::size_t at = 0; at + 8 <= stack.copy.size(); at += 8)
        std::memcpy(stack.copy.data() + at, &stack.registers.ip, 8);
    EXPECT_LE(resolver.resolve(stack).frames.size(), 256U) << "one place calling itself for ever";
    stack.registers = {};
    EXPECT_TRUE(resolver.resolve(stack).application_frame() == nullptr);
}

TEST(Resolver, FallsBackToReturnAddressesOfFramePointers) {
    CallSiteResolver resolver;
    CallStack stack = take_stack_deeper(0);
    stack.native = {stack.registers.ip, reinterpret_cast<std::uint64_t>(&take_stack_deeper) + 1};
    const CallSite& site = resolver.resolve(stack);
    EXPECT_NE(find_function(site, "take_stack_deeper"), nullptr);
}
#endif

CallStack empty_stack(std::uint64_t id) {
    CallStack stack;
    stack.id = id;
    stack.process = self();
    return stack;
}

TEST(Resolver, RemembersTheLatestCallSites) {
    CallSiteResolver resolver({.max_call_sites = 2});
    EXPECT_EQ(resolver.find(1), nullptr);
    for (const std::uint64_t id : {1U, 2U, 2U, 3U}) resolver.resolve(empty_stack(id));
    EXPECT_EQ(resolver.find(1), nullptr);
    ASSERT_NE(resolver.find(2), nullptr);
    ASSERT_NE(resolver.find(3), nullptr);
    EXPECT_EQ(resolver.find(3)->id, 3U);
    resolver.process_ended(self());
    EXPECT_NE(resolver.find(3), nullptr);
}

TEST(Resolver, SaysThatAProcessIsGone) {
    CallSiteResolver resolver;
    CallStack stack = empty_stack(1);
    stack.process.start_ticks++;
    stack.native = {0x1000, 0x2000};
    const CallSite& site = resolver.resolve(stack);
    EXPECT_EQ(site.frames.size(), 2U);
    EXPECT_EQ(site.frames[0].address, 0x1000U);
    EXPECT_EQ(site.application_frame(), nullptr);
    EXPECT_EQ(site.unknown_because, "the process had ended before its frames were read");
}

TEST(Resolver, SurvivesFramesOfAnInterpreterThatAreNone) {
    CallSiteResolver resolver;
    for (const auto kind : {RuntimeKind::kRuby, RuntimeKind::kPython}) {
        CallStack stack = empty_stack(1);
        stack.kind = kind;
        stack.version = kind == RuntimeKind::kRuby ? 0x301 : 0x30b;
        static const std::uint64_t kSomething[64] = {0x1a | 7U << 12};
        const auto something = reinterpret_cast<std::uint64_t>(&kSomething);
        stack.frames = {{8, 8}, {something, something}, {UINT64_MAX, 0}, {0, 0}};
        const CallSite& site = resolver.resolve(stack);
        EXPECT_EQ(site.application_frame(), nullptr);
        EXPECT_NE(site.unknown_because, "");
        stack.version = 0x999;
        EXPECT_NE(resolver.resolve(stack).unknown_because, "");
    }
}

}  // namespace
}  // namespace sockdog::testing
