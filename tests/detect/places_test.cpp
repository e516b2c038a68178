#include "detect/places.h"

#include <gtest/gtest.h>

#include "detect/simulator.h"

namespace sockdog::testing {
namespace {

class Places : public ::testing::Test {
  protected:
    void add(std::uint16_t port, TcpState state, std::uint64_t call_site,
             SocketRole role = SocketRole::kOpened, bool has_fd = true) {
        SocketRecord& socket = sockets_.emplace_back();
        socket.role = role;
        socket.remote = endpoint(role == SocketRole::kOpened ? port : 1);
        socket.local = endpoint(role == SocketRole::kOpened ? 1 : port);
        socket.state = state;
        socket.has_fd = has_fd;
        socket.call_site = call_site;
    }
    std::vector<CodePlace> places_of(LeakClass leak_class, std::uint16_t port,
                                     SocketRole role = SocketRole::kOpened) {
        std::vector<Finding> findings(1);
        findings[0].leak_class = leak_class;
        findings[0].role = role;
        findings[0].endpoint = endpoint(port);
        findings[0].opened_by = {{"from the walk before", 9}};
        find_places(findings, sockets_, [](std::uint64_t site) {
            return site < 10 ? std::string("line") + std::to_string(site % 5) : std::string();
        });
        return findings[0].opened_by;
    }
    std::vector<SocketRecord> sockets_;
};

TEST_F(Places, AreThoseOfLeakedSocketsMostFirst) {
    using enum TcpState;
    add(80, kCloseWait, 1);
    add(80, kCloseWait, 2);
    add(80, kCloseWait, 2);
    add(80, kCloseWait, 7);    // of line 2 as well
    add(80, kCloseWait, 0);    // nobody watched
    add(80, kCloseWait, 99);   // has no name
    add(80, kEstablished, 3);  // in use
    add(81, kCloseWait, 3);    // elsewhere
    add(80, kCloseWait, 3, SocketRole::kOpened, false);
    add(80, kCloseWait, 3, SocketRole::kAccepted);
    EXPECT_EQ(places_of(LeakClass::kCloseWait, 80), (std::vector<CodePlace>{{"line2", 3}, {"line1", 1}}));
    EXPECT_EQ(places_of(LeakClass::kIdleGrowth, 80), (std::vector<CodePlace>{{"line3", 1}}));
    EXPECT_EQ(places_of(LeakClass::kCloseWait, 80, SocketRole::kAccepted),
              (std::vector<CodePlace>{{"line3", 1}}));
    EXPECT_TRUE(places_of(LeakClass::kCloseWait, 82).empty()) << "what was known before is not kept";
}

TEST_F(Places, AreFiveAtMost) {
    std::vector<Finding> findings(1);
    findings[0].role = SocketRole::kOpened;
    findings[0].endpoint = endpoint(80);
    for (std::uint64_t site = 1; site <= 8; site++) add(80, TcpState::kCloseWait, site);
    find_places(findings, sockets_, [](std::uint64_t site) { return std::to_string(site); });
    EXPECT_EQ(findings[0].opened_by.size(), 5U);
}

TEST(ShortPlace, LeavesOutTheFolders) {
    EXPECT_EQ(short_place("/srv/shop/client.py:42 Pool.fetch"), "client.py:42 Pool.fetch");
    EXPECT_EQ(short_place("client.py:42 fetch"), "client.py:42 fetch");
    EXPECT_EQ(short_place("main.cpp:3 a::operator/(int)"), "main.cpp:3 a::operator/(int)");
    EXPECT_EQ(short_place("fetch (/srv/shop)"), "fetch (/srv/shop)");
    EXPECT_EQ(short_place(""), "");
}

}  // namespace
}  // namespace sockdog::testing
