// Answers in parts: a long list, made as the client takes it.
#include "server_fixture.h"

namespace sockdog {
namespace {

using nlohmann::json;
using testing::eventually;
using testing::kQueueLimit;
using testing::LoopThread;
using testing::RawClient;
using testing::TempDir;

constexpr int kParts = 200;
const std::size_t kPartBytes = kQueueLimit / 10;  // all together twenty times what may be left unread

struct Parts : ::testing::Test {
    void set_up(VarlinkServer& server) {
        server.handle("List", Access::kRead, [this](Call call) {
            call.reply_in_parts([this, i = 0]() mutable {
                ++made;
                const bool last = ++i == kParts;
                return Call::Part{{{"i", i}, {"text", std::string(kPartBytes, 'x')}}, last};
            });
        });
        server.handle("One", Access::kRead, [](Call call) {
            call.reply_in_parts([] { return Call::Part{{{"i", 1}}, true}; });
        });
        server.handle("Throws", Access::kRead, [](Call call) {
            call.reply_in_parts([]() -> Call::Part { throw std::runtime_error("no more"); });
        });
        server.handle("Echo", Access::kRead, [](Call call) { call.reply(call.parameters()); });
    }

    std::atomic<int> made = 0;
    TempDir dir;
    LoopThread loop{dir / "control", [this](VarlinkServer& server) { set_up(server); }};
    RawClient client{dir / "control"};
};

TEST_F(Parts, ComeInOrderAndTheLastOneEndsTheCall) {
    client.send_message(testing::method("List", json::object(), "more"));
    client.send_message(testing::method("Echo", {{"next", true}}));
    for (int i = 1; i <= kParts; i++) {
        const json reply = client.read_json();
        ASSERT_EQ(reply["parameters"]["i"], i);
        ASSERT_EQ(reply.value("continues", false), i < kParts);
    }
    EXPECT_EQ(client.read_json()["parameters"]["next"], true);
}

TEST_F(Parts, AreMadeNoFasterThanTheClientReadsAndHoldUpNobody) {
    client.send_message(testing::method("List", json::object(), "more"));
    ASSERT_TRUE(eventually([&] { return made > 0; }));
    RawClient other(dir / "control");
    for (int i = 0; i < 100; i++) {
        other.send_message(testing::method("Echo", {{"i", i}}));
        EXPECT_EQ(other.read_json()["parameters"]["i"], i);
    }
    EXPECT_LT(made, 10) << "the rest waits for the reader";
    for (int i = 1; i <= kParts; i++) ASSERT_EQ(client.read_json()["parameters"]["i"], i);
}

TEST_F(Parts, EndWhenTheClientGoesAway) {
    client.send_message(testing::method("List", json::object(), "more"));
    ASSERT_TRUE(eventually([&] { return made > 0; }));
    client.close();
    ASSERT_TRUE(eventually([&] { return loop.clients() == 0; }));
    const int then = made;
    for (int i = 0; i < 10; i++) loop.run([](VarlinkServer&) {});
    EXPECT_EQ(made, then);
}

TEST_F(Parts, MayBeJustOne) {
    client.send_message(testing::method("One", json::object(), "more"));
    const json reply = client.read_json();
    EXPECT_EQ(reply["parameters"]["i"], 1);
    EXPECT_FALSE(reply.value("continues", false));
}

TEST_F(Parts, ThatCannotBeMadeEndTheCallWithAnError) {
    client.send_message(testing::method("Throws", json::object(), "more"));
    EXPECT_EQ(client.read_json()["error"], "io.sockdog.Control.Failed");
    client.send_message(testing::method("Echo", {{"still", "here"}}));
    EXPECT_EQ(client.read_json()["parameters"]["still"], "here");
}

}  // namespace
}  // namespace sockdog
