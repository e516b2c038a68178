#include "callsite/grouping.h"

#include <gmock/gmock.h>

#include "callsite/flame_graph.h"

namespace sockdog::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CallFrame frame(const std::string& function, const std::string& file, std::uint32_t line,
                FrameOrigin origin) {
    CallFrame one;
    one.function = function;
    one.file = file;
    one.line = line;
    one.origin = origin;
    return one;
}

/// connect in a library, below `caller` of the application, below main.
CallSite site(std::uint64_t id, const CallFrame& caller) {
    CallSite one;
    one.id = id;
    one.frames = {
        frame("connect", "/usr/lib/ruby/socket.rb", static_cast<std::uint32_t>(id), FrameOrigin::kLibrary),
        caller, frame("main", "/srv/app.rb", 1, FrameOrigin::kApplication)};
    one.application = 1;
    return one;
}

const CallFrame kFetch = frame("fetch", "/srv/app.rb", 72, FrameOrigin::kApplication);
const CallFrame kPoll = frame("poll", "/srv/app.rb", 90, FrameOrigin::kApplication);

TEST(Grouping, IsByTheLineOfTheApplication) {
    const CallSite a = site(1, kFetch);
    const CallSite b = site(2, kFetch);
    const CallSite c = site(3, kPoll);
    const CallSite unknown;
    const std::vector<CountedSite> counted{{&a, 3}, {&c, 9}, {&b, 8}, {nullptr, 5}, {&unknown, 1}};
    const auto groups = group_by_line(counted);
    ASSERT_EQ(groups.size(), 3U);
    EXPECT_EQ(groups[0].frame, kFetch);
    EXPECT_EQ(groups[0].count, 11U);
    EXPECT_EQ(groups[0].call_sites, (std::vector<std::uint64_t>{2, 1}));
    EXPECT_TRUE(groups[0].is_application);
    EXPECT_EQ(groups[1].frame, kPoll);
    EXPECT_FALSE(groups[2].is_application);
    EXPECT_TRUE(group_by_line({}).empty());
}

TEST(Grouping, FoldsStacksForFlamegraph) {
    const CallSite a = site(1, kFetch);
    const CallSite hostile = site(1, frame("a;b\nc", "/srv/x.rb", 5, FrameOrigin::kApplication));
    const CallSite unknown;
    const std::vector<CountedSite> counted{{&a, 3}, {&a, 4}, {&hostile, 1}, {&unknown, 2}, {&a, 0}};
    EXPECT_EQ(fold_stacks(counted),
              "app.rb:1 main;app.rb:72 fetch;socket.rb:1 connect 7\n"
              "app.rb:1 main;x.rb:5 a,b\\x0ac;socket.rb:1 connect 1\n"
              "unknown 2\n");
}

TEST(FlameGraph, HasABoxForEachFrame) {
    const CallSite a = site(1, kFetch);
    const CallSite b = site(1, kPoll);
    const std::vector<CountedSite> counted{{&a, 30}, {&b, 10}};
    const std::string svg = draw_flame_graph(counted);
    EXPECT_THAT(svg, HasSubstr("<title>/srv/app.rb:72 fetch (30 connections, 75.0%)</title>"));
    EXPECT_THAT(svg, HasSubstr("<title>/srv/app.rb:1 main (40 connections, 100.0%)</title>"));
    EXPECT_THAT(svg, HasSubstr(">app.rb:72 fetch</text>"));
    EXPECT_THAT(svg, HasSubstr("width=\"885.0\"")) << "three quarters of what is between the margins";
    EXPECT_EQ(svg, draw_flame_graph(counted)) << "the same bytes each time";
    EXPECT_THAT(svg, Not(HasSubstr("script")));
}

TEST(FlameGraph, EscapesNamesThatAreHostile) {
    const CallSite a =
        site(1, frame("</title><script>alert('&\"')</script>\x01", "/x.rb", 1, FrameOrigin::kApplication));
    const std::string svg =
        draw_flame_graph(std::vector<CountedSite>{{&a, 1}}, {.title = "<b>", .unit = "<i>"});
    EXPECT_THAT(svg, Not(HasSubstr("<script")));
    EXPECT_THAT(svg, Not(HasSubstr("<b>")));
    EXPECT_THAT(svg, Not(HasSubstr("<i>")));
    EXPECT_THAT(svg, Not(HasSubstr("\x01")));
    EXPECT_EQ(escape_xml("<&>\"'"), "&lt;&amp;&gt;&quot;&#39;");
}

TEST(FlameGraph, OfNothingIsAnEmptyPicture) {
    const std::string svg = draw_flame_graph({});
    EXPECT_THAT(svg, HasSubstr("<svg"));
    EXPECT_THAT(svg, HasSubstr("</svg>"));
    EXPECT_THAT(svg, Not(HasSubstr("nan")));
    EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

}  // namespace
}  // namespace sockdog::testing
