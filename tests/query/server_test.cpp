#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "loop_thread.h"

namespace sockdog {
namespace {

using nlohmann::json;
using testing::eventually;
using testing::kQueueLimit;
using testing::LoopThread;
using testing::RawClient;
using testing::TempDir;

constexpr const char* kStatus = R"({"method":"io.sockdog.Control.GetStatus"})";

/// A server with the handlers that the tests call. `kept` holds the calls of Keep.
struct Fixture : public ::testing::Test {
    void set_up(VarlinkServer& server) {
        server.handle("GetStatus", Access::kRead, [](Call call) { call.reply({{"status", {{"pid", 1}}}}); });
        server.handle("Echo", Access::kRead, [](Call call) { call.reply(call.parameters()); });
        server.handle("Hold", Access::kAct, [this](Call call) {
            ++acted;
            call.reply({});
        });
        server.handle("Keep", Access::kRead, [this](Call call) {
            call.on_gone([this] { ++gone; });
            kept.push_back(std::move(call));
            ++keeping;
        });
        server.handle("Forget", Access::kRead, [](const Call&) {});
        server.handle("Throw", Access::kRead, [](Call call) {
            call.reply({{"v", call.parameters().at("v").get<int>()}});
        });
        server.handle("Count", Access::kRead, [](Call call) {
            std::optional<std::uint64_t> number;
            std::optional<std::string> word;
            std::optional<bool> flag;
            if (!call.take("number", number) || !call.take("word", word) || !call.take("flag", flag)) return;
            call.reply({{"number", number.value_or(0)},
                        {"word", word.value_or("-")},
                        {"flag", flag.value_or(false)}});
        });
        server.handle("Stream", Access::kRead, [](Call call) {
            for (int i = 0; i < 3; ++i) call.reply_continues({{"i", i}});
            call.reply({{"i", 3}});
        });
        server.handle("Big", Access::kRead, [](Call call) {
            const std::string part(kQueueLimit / 20, 'x');
            for (int i = 0; i < 30; ++i) call.reply_continues({{"text", part}});
            still_connected = call.connected();
            call.reply({});
        });
        server.handle("Huge", Access::kRead, [](Call call) {
            call.reply({{"text", std::string(kQueueLimit, 'x')}});
        });
    }

    ~Fixture() override {
        // What a handler kept dies on the loop's thread, as in the daemon.
        loop.run([this](VarlinkServer&) { kept.clear(); });
    }

    static inline std::atomic<bool> still_connected = true;
    std::atomic<int> acted = 0;
    std::atomic<int> gone = 0;
    std::atomic<int> keeping = 0;
    std::vector<Call> kept;
    TempDir dir;
    std::filesystem::path path = dir / "run/control";
    LoopThread loop{path, [this](VarlinkServer& server) { set_up(server); }};
};
using VarlinkServerTest = Fixture;

std::string method(const std::string& name, const json& parameters = json::object(),
                   const char* flag = nullptr) {
    json call = {{"method", "io.sockdog.Control." + name}, {"parameters", parameters}};
    if (flag != nullptr) call[flag] = true;
    return call.dump();
}

TEST_F(VarlinkServerTest, AnswersACall) {
    ASSERT_TRUE(loop.listened().ok()) << loop.listened().error().message;
    RawClient client(path);
    client.send_message(kStatus);
    EXPECT_EQ(client.read_message(), R"({"parameters":{"status":{"pid":1}}})");
}

TEST_F(VarlinkServerTest, TellsAboutItself) {
    RawClient client(path);
    client.send_message(R"({"method":"org.varlink.service.GetInfo","parameters":{}})");
    const auto info = client.read_json();
    EXPECT_EQ(info["parameters"]["product"], "sockdogd");
    EXPECT_EQ(info["parameters"]["version"], "1.2.3");
    EXPECT_EQ(info["parameters"]["interfaces"], json({"org.varlink.service", "io.sockdog.Control"}));
    for (const std::string name : {"org.varlink.service", "io.sockdog.Control"}) {
        client.send_message(
            R"({"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":")" + name +
            "\"}}");
        const auto text = client.read_json()["parameters"]["description"].get<std::string>();
        EXPECT_NE(text.find("\ninterface " + name + "\n"), std::string::npos) << text;
    }
}

struct Refusal {
    const char* name;
    std::string call;
    const char* error;
    json parameters;
};

TEST_F(VarlinkServerTest, RefusesWithTheErrorsOfTheStandardAndGoesOn) {
    const std::vector<Refusal> cases = {
        {"unknown method",
         method("Nothing"),
         "org.varlink.service.MethodNotFound",
         {{"method", "io.sockdog.Control.Nothing"}}},
        {"declared, no handler",
         method("Trace"),
         "org.varlink.service.MethodNotImplemented",
         {{"method", "io.sockdog.Control.Trace"}}},
        {"unknown interface",
         R"({"method":"io.other.Thing.Do"})",
         "org.varlink.service.InterfaceNotFound",
         {{"interface", "io.other.Thing"}}},
        {"no interface",
         R"({"method":"GetStatus"})",
         "org.varlink.service.InterfaceNotFound",
         {{"interface", ""}}},
        {"empty", R"({"method":""})", "org.varlink.service.InterfaceNotFound", {{"interface", ""}}},
        {"service method",
         R"({"method":"org.varlink.service.Nope"})",
         "org.varlink.service.MethodNotFound",
         {{"method", "org.varlink.service.Nope"}}},
        {"no interface named",
         R"({"method":"org.varlink.service.GetInterfaceDescription"})",
         "org.varlink.service.InvalidParameter",
         {{"parameter", "interface"}}},
        {"interface a number",
         R"({"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":7}})",
         "org.varlink.service.InvalidParameter",
         {{"parameter", "interface"}}},
        {"interface unknown",
         R"({"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"x.y"}})",
         "org.varlink.service.InterfaceNotFound",
         {{"interface", "x.y"}}},
        {"parameters a list",
         R"({"method":"io.sockdog.Control.GetStatus","parameters":[1]})",
         "org.varlink.service.InvalidParameter",
         {{"parameter", "parameters"}}},
        {"more a number",
         R"({"method":"io.sockdog.Control.GetStatus","more":1})",
         "org.varlink.service.InvalidParameter",
         {{"parameter", "more"}}},
        {"upgrade",
         method("GetStatus", json::object(), "upgrade"),
         "org.varlink.service.MethodNotImplemented",
         {{"method", "io.sockdog.Control.GetStatus"}}},
        {"number negative",
         method("Count", {{"number", -1}}),
         "org.varlink.service.InvalidParameter",
         {{"parameter", "number"}}},
        {"number a float",
         method("Count", {{"number", 1.5}}),
         "org.varlink.service.InvalidParameter",
         {{"parameter", "number"}}},
        {"word a list",
         method("Count", {{"word", json::array()}}),
         "org.varlink.service.InvalidParameter",
         {{"parameter", "word"}}},
        {"flag a word",
         method("Count", {{"flag", "yes"}}),
         "org.varlink.service.InvalidParameter",
         {{"parameter", "flag"}}},
        {"handler throws json",
         method("Throw", {{"v", "text"}}),
         "org.varlink.service.InvalidParameter",
         {{"parameter", "parameters"}}},
        {"handler answers nothing",
         method("Forget"),
         "io.sockdog.Control.Failed",
         {{"reason", "sockdogd did not answer this call; see its log"}}},
    };
    RawClient client(path);
    for (const auto& c : cases) {
        ASSERT_TRUE(client.send_message(c.call)) << c.name;
        const auto reply = client.read_json();
        ASSERT_TRUE(reply.is_object()) << c.name << ": " << reply;
        EXPECT_EQ(reply.value("error", ""), c.error) << c.name;
        EXPECT_EQ(reply["parameters"], c.parameters) << c.name;
    }
    client.send_message(method("Count", {{"number", 7}, {"word", nullptr}}));
    EXPECT_EQ(client.read_json()["parameters"], json({{"number", 7}, {"word", "-"}, {"flag", false}}));
}

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

TEST_F(VarlinkServerTest, TakesALargeCallBelowTheLimit) {
    RawClient client(path);
    const json parameters = {{"text", std::string(900'000, 'x')}};
    client.send_message(method("Echo", parameters));
    EXPECT_EQ(client.read_json()["parameters"], parameters);
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

TEST_F(VarlinkServerTest, AnswersPipelinedCallsInOrder) {
    RawClient client(path);
    std::string all;
    for (int i = 0; i < 500; ++i) {
        all += method("Echo", {{"i", i}});
        all.push_back('\0');
    }
    std::thread sender([&] { client.send(all); });
    for (int i = 0; i < 500; ++i) ASSERT_EQ(client.read_json()["parameters"]["i"], i);
    sender.join();
}

TEST_F(VarlinkServerTest, KeepsTheOrderWhenTheFirstAnswerComesLate) {
    RawClient client(path);
    client.send_message(method("Keep"));
    client.send_message(method("Echo", {{"i", 2}}));
    ASSERT_TRUE(eventually([&] { return keeping == 1; }));
    EXPECT_TRUE(client.nothing_to_read());
    loop.run([&](VarlinkServer&) { kept.front().reply({{"i", 1}}); });
    EXPECT_EQ(client.read_json()["parameters"]["i"], 1);
    EXPECT_EQ(client.read_json()["parameters"]["i"], 2);
    loop.run([&](VarlinkServer&) {
        kept.front().reply({{"i", 3}});  // the call is over: nothing more
        kept.front().fail("NotFound");
        kept.front().reply_continues({});
    });
    client.send_message(kStatus);
    EXPECT_TRUE(client.read_json()["parameters"].contains("status"));
    EXPECT_EQ(gone, 0);
}

TEST_F(VarlinkServerTest, StreamsOnlyToThoseWhoAskForMore) {
    RawClient client(path);
    client.send_message(method("Stream", json::object(), "more"));
    for (int i = 0; i < 3; ++i) {
        const auto reply = client.read_json();
        EXPECT_EQ(reply["parameters"]["i"], i);
        EXPECT_EQ(reply["continues"], true);
    }
    EXPECT_EQ(client.read_json(), json({{"parameters", {{"i", 3}}}}));
    client.send_message(method("Stream"));
    EXPECT_EQ(client.read_json(), json({{"parameters", {{"i", 3}}}}));
}

TEST_F(VarlinkServerTest, GivesNoReplyToOnewayCalls) {
    RawClient client(path);
    client.send_message(method("Echo", {{"i", 1}}, "oneway"));
    client.send_message(method("Nothing", json::object(), "oneway"));
    client.send_message(method("Forget", json::object(), "oneway"));
    client.send_message(method("Echo", {{"i", 2}}));
    EXPECT_EQ(client.read_json()["parameters"]["i"], 2);
}

TEST_F(VarlinkServerTest, ActsOnAOnewayCallOfAClientThatIsGoneAtOnce) {
    if (::geteuid() != 0) GTEST_SKIP() << "acting takes root";
    RawClient client(path);
    client.send_message(method("Hold", json::object(), "oneway"));
    client.close();
    EXPECT_TRUE(eventually([&] { return acted == 1; }));
}

TEST_F(VarlinkServerTest, AnswersAClientThatHasClosedItsSendingSide) {
    RawClient client(path);
    client.send_message(method("Echo", {{"i", 1}}));
    client.send_message(method("Keep"));
    client.half_close();
    EXPECT_EQ(client.read_json()["parameters"]["i"], 1);
    ASSERT_TRUE(eventually([&] { return keeping == 1; }));
    loop.run([&](VarlinkServer&) { kept.front().reply({{"i", 2}}); });
    EXPECT_EQ(client.read_json()["parameters"]["i"], 2);
    EXPECT_TRUE(client.ended()) << "then there is nothing more to come";
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

TEST_F(VarlinkServerTest, LetsNobodyButRootAct) {
    RawClient client(path);
    client.send_message(method("Hold"));
    const auto reply = client.read_json();
    if (::geteuid() == 0) {
        EXPECT_FALSE(reply.contains("error"));
        EXPECT_EQ(acted, 1);
    } else {
        EXPECT_EQ(reply.value("error", ""), "org.varlink.service.PermissionDenied");
        EXPECT_EQ(acted, 0);
    }
}

TEST_F(VarlinkServerTest, KnowsItsPeer) {
    Peer seen;
    loop.run([&](VarlinkServer& server) {
        server.handle("Who", Access::kRead, [&](Call call) {
            seen = call.peer();
            call.reply({});
        });
    });
    RawClient client(path);
    client.send_message(method("Who"));
    ASSERT_TRUE(client.read_message().has_value());
    EXPECT_EQ(seen.pid, ::getpid());
    EXPECT_EQ(seen.uid, ::geteuid());
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
