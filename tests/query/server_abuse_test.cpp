// Clients that send garbage, do not read, vanish, or come in crowds; and a server that goes away under them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server_fixture.h"

namespace sockdog {
namespace {

using nlohmann::json;
using testing::eventually;
using testing::kStatus;
using testing::method;
using testing::RawClient;
using testing::VarlinkServerTest;

TEST_F(VarlinkServerTest, DropsWhoeverDoesNotSpeakVarlink) {
    const std::vector<std::string> garbage = {
        std::string("\xff\xfe\x00", 3),
        std::string("GET / HTTP/1.1\r\n\r\n\0", 19),
        std::string("\0\0\0", 3),
        std::string("[]\0", 3),
        std::string("{}\0", 3),
        std::string("{\"method\":7}\0", 13),
        std::string("{\"method\":\"a.b\xff\"}\0", 18),
        std::string("{\"method\":\"a.b\",\"x\":1e999}\0", 27),
        std::string("{\"method\":\"a.b\",\"more\":true,\"oneway\":true}\0", 44),
        "{\"method\":\"a.b\",\"parameters\":" + std::string(400'000, '[') + std::string(1, '\0'),
        "{\"method\":\"a.b\",\"parameters\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}" +
            std::string(1, '\0'),
    };
    for (std::size_t i = 0; i < garbage.size(); ++i) {
        RawClient client(path);
        client.send(garbage[i]);
        EXPECT_TRUE(client.ended()) << "case " << i;
    }
    RawClient client(path);
    client.send_message(kStatus);
    EXPECT_TRUE(client.read_message().has_value()) << "the others are served";
    client.close();
    EXPECT_TRUE(eventually([&] { return loop.clients() == 0; }));
}

TEST_F(VarlinkServerTest, DropsAMessageThatNeverEnds) {
    RawClient client(path);
    EXPECT_FALSE(client.send(std::string(16U << 20U, 'x'))) << "the server must not take it all";
    EXPECT_TRUE(eventually([&] { return loop.clients() == 0; }));
}

TEST_F(VarlinkServerTest, WaitsForAClientThatSendsByteByByte) {
    RawClient client(path);
    std::string text = method("Echo", {{"a", 1}});
    text.push_back('\0');
    for (const char byte : text) {
        ASSERT_TRUE(client.send(std::string_view(&byte, 1)));
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    EXPECT_EQ(client.read_json()["parameters"]["a"], 1);
}

TEST_F(VarlinkServerTest, ActsOnAOnewayCallOfAClientThatIsGoneAtOnce) {
    if (::geteuid() != 0) GTEST_SKIP() << "acting takes root";
    RawClient client(path);
    client.send_message(method("Hold", json::object(), "oneway"));
    client.close();
    EXPECT_TRUE(eventually([&] { return acted == 1; }));
}

TEST_F(VarlinkServerTest, TellsOnceWhenTheClientVanishesInMidStream) {
    RawClient client(path);
    client.send_message(method("Keep", json::object(), "more"));
    client.send_message(kStatus);
    ASSERT_TRUE(eventually([&] { return keeping == 1; }));
    loop.run([&](VarlinkServer&) { kept.front().reply_continues({{"i", 1}}); });
    EXPECT_EQ(client.read_json()["continues"], true);
    client.close();
    ASSERT_TRUE(eventually([&] { return gone == 1; }));
    loop.run([&](VarlinkServer&) {
        EXPECT_FALSE(kept.front().connected());
        kept.front().reply_continues({{"i", 2}});
        kept.front().reply({});
        kept.front().on_gone([] { FAIL() << "too late for that"; });
    });
    EXPECT_TRUE(eventually([&] { return loop.clients() == 0; }));
    EXPECT_EQ(gone, 1);
}

TEST_F(VarlinkServerTest, DropsAStreamThatIsNotReadAtTheCap) {
    RawClient client(path);
    client.send_message(method("Big", json::object(), "more"));
    EXPECT_TRUE(eventually([&] { return loop.clients() == 0; }));
    EXPECT_FALSE(still_connected) << "known to the handler while it still runs";
    RawClient other(path);
    other.send_message(kStatus);
    EXPECT_TRUE(other.read_message().has_value());
}

TEST_F(VarlinkServerTest, DoesNotBeginFurtherCallsOfAClientThatDoesNotRead) {
    RawClient client(path);
    const std::string call = method("Echo", {{"text", std::string(100'000, 'x')}});
    std::string all;
    for (int i = 0; i < 60; ++i) {
        all += call;
        all.push_back('\0');
    }
    std::thread sender(
        [&] { client.send(all); });  // 6 MB, more than may be queued: blocks until the replies are read
    for (int i = 0; i < 60; ++i)
        ASSERT_EQ(client.read_json()["parameters"]["text"].get<std::string>().size(), 100'000U);
    sender.join();
}

TEST_F(VarlinkServerTest, SaysSoWhenOneReplyIsTooLarge) {
    RawClient client(path);
    client.send_message(method("Huge"));
    const auto reply = client.read_json();
    EXPECT_EQ(reply.value("error", ""), "io.sockdog.Control.ResourceExhausted");
    client.send_message(kStatus);
    EXPECT_TRUE(client.read_json()["parameters"].contains("status"));
}

TEST_F(VarlinkServerTest, BoundsTheNumberOfClients) {
    std::vector<std::unique_ptr<RawClient>> crowd;
    for (int i = 0; i < 70; ++i) crowd.push_back(std::make_unique<RawClient>(path));
    const std::size_t room = ::geteuid() == 0 ? 64 : 56;
    EXPECT_TRUE(eventually([&] { return loop.clients() == room; }));
    EXPECT_TRUE(crowd.back()->ended()) << "turned away";
    crowd.front()->send_message(kStatus);
    EXPECT_TRUE(crowd.front()->read_message().has_value());
    crowd.clear();
    ASSERT_TRUE(eventually([&] { return loop.clients() == 0; }));
    RawClient late(path);
    late.send_message(kStatus);
    EXPECT_TRUE(late.read_message().has_value());
}

TEST_F(VarlinkServerTest, CallsOutliveTheServerHarmlessly) {
    RawClient client(path);
    client.send_message(method("Keep", json::object(), "more"));
    ASSERT_TRUE(eventually([&] { return keeping == 1; }));
    loop.destroy_server();
    EXPECT_TRUE(client.ended());
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_FALSE(kept.front().connected());
    kept.front().reply_continues({});
    kept.front().reply({});
    EXPECT_EQ(gone, 0) << "destruction is silent";
}

TEST_F(VarlinkServerTest, CloseTellsTheCallsInHand) {
    RawClient client(path);
    client.send_message(method("Keep"));
    ASSERT_TRUE(eventually([&] { return keeping == 1; }));
    loop.run([](VarlinkServer& server) { server.close(); });
    EXPECT_EQ(gone, 1);
    EXPECT_TRUE(client.ended());
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(VarlinkServerTest, SurvivesBeingClosedFromAHandler) {
    loop.run([&](VarlinkServer& server) {
        server.handle("Close", Access::kRead, [&server](Call call) {
            server.close();
            call.reply({});
        });
    });
    RawClient client(path);
    client.send_message(method("Close"));
    client.send_message(kStatus);
    EXPECT_TRUE(client.ended());
    EXPECT_EQ(loop.clients(), 0U);
}

}  // namespace
}  // namespace sockdog
