#include "cli/top_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/scenes.h"

namespace sockdog {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ProcessView process(std::uint32_t pid, const std::string& unit, std::uint32_t close_wait,
                    std::uint32_t established) {
    ProcessView view;
    view.owner.process = {pid, pid};
    view.owner.unit = unit;
    view.gauges.sockets[static_cast<std::size_t>(TcpState::kCloseWait)] = close_wait;
    view.gauges.sockets[static_cast<std::size_t>(TcpState::kEstablished)] = established;
    return view;
}

TopSample sample(std::vector<ProcessView> processes, std::vector<Incident> incidents = {}) {
    TopSample made;
    made.status.version = "1.2.3";
    made.processes = std::move(processes);
    made.incidents = std::move(incidents);
    return made;
}

std::string screen(TopModel& model, std::size_t width = 120, std::size_t height = 12) {
    const auto lines = model.lines(width, height);
    EXPECT_EQ(lines.size(), height);
    std::string text;
    for (const TopLine& line : lines) text += (line.reverse ? "> " : "  ") + line.text + "\n";
    return text;
}

TEST(Top, SortsByTheKeyThatIsPressed) {
    TopModel model(SortKey::kCloseWait, false);
    model.add(sample({process(1, "few.service", 1, 50), process(2, "many.service", 9, 2)}));
    std::string text = screen(model);
    EXPECT_LT(text.find("many.service"), text.find("few.service"));
    EXPECT_TRUE(model.on_key('e'));
    text = screen(model);
    EXPECT_LT(text.find("few.service"), text.find("many.service"));
    EXPECT_THAT(text, HasSubstr("sort (by ESTABLISHED)"));
    EXPECT_TRUE(model.on_key('?'));
    EXPECT_FALSE(model.on_key('q'));
}

TEST(Top, TheTrendShowsGrowth) {
    TopModel model(SortKey::kTotal, false);
    for (std::uint32_t n = 0; n < 8; ++n)
        model.add(sample({process(1, "grows.service", n, 0), process(2, "still.service", 5, 0)}));
    const std::string text = screen(model);
    EXPECT_THAT(text, HasSubstr("7  _.-=+*#@"));
    EXPECT_THAT(text, HasSubstr("5  ________"));
    TopModel blocks(SortKey::kTotal, true);
    for (std::uint32_t n = 0; n < 60; ++n) blocks.add(sample({process(1, "a.service", n, 0)}));
    EXPECT_THAT(screen(blocks), HasSubstr("\u2581"));
    EXPECT_THAT(screen(blocks), HasSubstr("\u2588"));
}

TEST(Top, KeepsTheSelectedProcessInSight) {
    TopModel model(SortKey::kCloseWait, false);
    std::vector<ProcessView> processes;
    for (std::uint32_t pid = 1; pid <= 40; ++pid)
        processes.push_back(process(pid, "s" + std::to_string(pid) + ".service", 100 - pid, 0));
    model.add(sample(processes));
    (void)screen(model);
    for (int i = 0; i < 20; ++i) model.on_key(static_cast<int>(TopKey::kDown));
    EXPECT_THAT(screen(model), HasSubstr(">       20 s20.service"));
    model.on_key(static_cast<int>(TopKey::kEnd));
    EXPECT_THAT(screen(model), HasSubstr(">       40 s40.service"));
    model.on_key(static_cast<int>(TopKey::kHome));
    EXPECT_THAT(screen(model), HasSubstr(">        1 s1.service"));
    processes.erase(processes.begin());
    model.add(sample(processes));
    EXPECT_THAT(screen(model), Not(HasSubstr(" s1.service")));
}

TEST(Top, PausesAndTellsOfOutages) {
    TopModel model(SortKey::kCloseWait, false);
    model.add(sample({process(1, "a.service", 1, 0)}));
    TopSample outage;
    outage.problem = "sockdogd does not answer";
    model.add(outage);
    EXPECT_THAT(screen(model), HasSubstr("sockdogd does not answer; what is shown is old"));
    EXPECT_THAT(screen(model), HasSubstr("a.service"));
    model.on_key(' ');
    model.add(sample({process(2, "b.service", 1, 0)}));
    EXPECT_THAT(screen(model), Not(HasSubstr("b.service")));
    EXPECT_THAT(screen(model), HasSubstr("PAUSED"));
}

TEST(Top, FitsAnyTerminalAndHostileNames) {
    TopModel model(SortKey::kCloseWait, true);
    Incident incident;
    incident.id = "i7";
    incident.owner.comm = "evil\x1b[2J\n";
    model.add(sample({process(1, "\x1b]0;x\x07\xff.service", 1, 1), process(2, "", 0, 0)},
                     {incident, incident, incident}));
    for (const std::size_t width : {1U, 10U, 40U, 300U}) {
        for (const std::size_t height : {1U, 2U, 3U, 5U, 50U}) {
            const auto lines = model.lines(width, height);
            EXPECT_EQ(lines.size(), height);
            for (const TopLine& line : lines) {
                for (const char c : line.text) EXPECT_GE(static_cast<unsigned char>(c), ' ') << line.text;
                std::size_t columns = 0;
                for (const char c : line.text)
                    columns += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
                EXPECT_LE(columns, width);
            }
        }
    }
    EXPECT_THAT(screen(model), HasSubstr("Open incidents: 3"));
}

TEST(Top, ProcessesWithoutSocketsAreForWhoAsks) {
    TopModel model(SortKey::kCloseWait, false);
    model.add(sample({process(1, "idle.service", 0, 0)}));
    EXPECT_THAT(screen(model), Not(HasSubstr("idle.service")));
    model.on_key('a');
    EXPECT_THAT(screen(model), HasSubstr("idle.service"));
}

}  // namespace
}  // namespace sockdog
