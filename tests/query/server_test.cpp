// What the control socket answers.
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

TEST_F(VarlinkServerTest, TakesALargeCallBelowTheLimit) {
    RawClient client(path);
    const json parameters = {{"text", std::string(900'000, 'x')}};
    client.send_message(method("Echo", parameters));
    EXPECT_EQ(client.read_json()["parameters"], parameters);
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

}  // namespace
}  // namespace sockdog
