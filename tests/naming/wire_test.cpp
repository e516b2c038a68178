#include "naming/wire.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sockdog::naming {
namespace {

CallStack a_stack() {
    CallStack stack;
    stack.id = 0xfedcba9876543210;
    stack.process = {.pid = 4711, .start_ticks = 99};
    stack.thread = 4712;
    stack.kind = RuntimeKind::kPython;
    stack.version = 0x30b;
    stack.walk_end = WalkEnd::kCut;
    stack.accepted = true;
    stack.frames = {{1, 2}, {3, 4}};
    stack.native = {5, 6};
    stack.registers.ip = 7;
    stack.registers.sp = 8;
    stack.registers.bp = 9;
    stack.registers.callee_saved[4] = 10;
    stack.copy = {0, 255, 1};
    return stack;
}

CallSite a_site() {
    CallSite site;
    site.id = 5;
    site.process = {.pid = 4711, .start_ticks = 99};
    site.kind = RuntimeKind::kRuby;
    site.accepted = true;
    site.unknown_because = "why";
    site.frames = {{.function = "f",
                    .file = "/a/b.rb",
                    .line = 3,
                    .module = "m",
                    .address = 9,
                    .origin = FrameOrigin::kLibrary},
                   {.function = "g\xff",
                    .file = "",
                    .line = 0,
                    .module = "",
                    .address = 0,
                    .origin = FrameOrigin::kApplication}};
    site.application = 1;
    return site;
}

TEST(NamingWire, CarriesStacks) {
    const auto decoded = decode_request(encode(Request(a_stack())));
    ASSERT_TRUE(decoded) << decoded.error().message;
    const auto& stack = std::get<CallStack>(*decoded);
    EXPECT_EQ(encode(Request(stack)), encode(Request(a_stack())));
    EXPECT_EQ(stack.copy, a_stack().copy);
    EXPECT_EQ(stack.registers.callee_saved[4], 10U);
    EXPECT_EQ(stack.walk_end, WalkEnd::kCut);
    const auto ended = decode_request(encode(Request(ProcessEnded{a_stack().process})));
    ASSERT_TRUE(ended);
    EXPECT_EQ(std::get<ProcessEnded>(*ended).process, a_stack().process);
}

TEST(NamingWire, CarriesCallSites) {
    const auto decoded = decode_site(encode(a_site()));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, a_site());
    CallSite nowhere = a_site();
    nowhere.application.reset();
    EXPECT_EQ(*decode_site(encode(nowhere)), nowhere);
}

TEST(NamingWire, CutsWhatIsLongSoThatItFits) {
    CallSite site = a_site();
    site.frames.assign(4096, {.function = std::string(5000, 'f'),
                              .file = std::string(5000, 'p'),
                              .line = 1,
                              .module = std::string(5000, 'm'),
                              .address = ~0ULL,
                              .origin = FrameOrigin::kRuntime});
    site.unknown_because = std::string(5000, 'w');
    site.application = 4000;
    const auto bytes = encode(site);
    EXPECT_LE(bytes.size(), kMostBytes);
    const auto decoded = decode_site(bytes);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->frames.size(), kMostFrames);
    EXPECT_FALSE(decoded->application) << "the frame was cut";
    CallStack stack = a_stack();
    stack.copy.assign(SOCKDOG_STACK_COPY, 0xff);
    stack.frames.assign(SOCKDOG_FRAMES, {~0ULL, ~0ULL});
    stack.native.assign(SOCKDOG_FRAMES, ~0ULL);
    EXPECT_LE(encode(Request(stack)).size(), kMostBytes);
}

TEST(NamingWire, RefusesWhatCannotBe) {
    const auto with = [](const char* key, const nlohmann::json& value) {
        auto message = nlohmann::json::from_cbor(encode(a_site()));
        message[key] = value;
        return nlohmann::json::to_cbor(message);
    };
    EXPECT_TRUE(decode_site(with("accepted", false)));
    EXPECT_FALSE(decode_site(with("id", "5")));
    EXPECT_FALSE(decode_site(with("kind", 77)));
    EXPECT_FALSE(decode_site(with("kind", -1)));
    EXPECT_FALSE(decode_site(with("frames", {{1, 2}})));
    EXPECT_FALSE(decode_site(with("process", nlohmann::json::array())));
    EXPECT_FALSE(decode_site(with("unknown_because", nullptr)));
    EXPECT_FALSE(decode_site({}));
    const std::vector<std::uint8_t> long_one(kMostBytes + 1);
    EXPECT_FALSE(decode_site(long_one));
    auto cut = encode(a_site());
    while (!cut.empty()) {
        cut.pop_back();
        EXPECT_FALSE(decode_site(cut));
        EXPECT_FALSE(decode_request(cut));
    }
}

}  // namespace
}  // namespace sockdog::naming
