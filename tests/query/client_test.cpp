#include "query/varlink_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>

#include "loop_thread.h"

namespace sockdog {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::LoopThread;
using testing::TempDir;

/// A daemon that answers each message it gets with the next of `answers`, byte for byte, and then hangs up.
class FakeDaemon {
  public:
    FakeDaemon(const std::filesystem::path& path, std::vector<std::string> answers)
        : listening_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.native().copy(address.sun_path, sizeof address.sun_path - 1);
        if (::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            std::abort();
        if (::listen(listening_.get(), 5) != 0) std::abort();
        thread_ = std::thread([this, answers = std::move(answers)] {
            const UniqueFd client(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            for (const auto& answer : answers) {
                char byte = 1;
                while (byte != 0 && ::recv(client.get(), &byte, 1, 0) == 1) {
                }
                (void)::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
            }
        });
    }
    ~FakeDaemon() { thread_.join(); }
    FakeDaemon(const FakeDaemon&) = delete;
    FakeDaemon& operator=(const FakeDaemon&) = delete;

  private:
    UniqueFd listening_;
    std::thread thread_;
};

std::string nul(std::string text) {
    text.push_back('\0');
    return text;
}

TEST(VarlinkClient, SaysWhatToDoWhenNoDaemonRuns) {
    const TempDir dir;
    const auto missing = VarlinkClient::connect(dir / "control");
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, ENOENT);
    EXPECT_THAT(missing.error().message, HasSubstr("systemctl start sockdogd"));
    EXPECT_THAT(missing.error().message, HasSubstr((dir / "control").string()));
    EXPECT_FALSE(VarlinkClient::connect(dir / std::string(200, 'x')).ok());
}

/// Files are opened as nobody, by this thread only: root may open what nobody may not.
class AsNobody {
  public:
    AsNobody() { ::setfsuid(65534); }
    ~AsNobody() { ::setfsuid(::geteuid()); }
    AsNobody(const AsNobody&) = delete;
    AsNobody& operator=(const AsNobody&) = delete;
};

TEST(VarlinkClient, SaysWhatToDoWhenItMayNot) {
    const TempDir dir;
    const LoopThread loop(dir / "control");
    std::filesystem::permissions(dir / "control", std::filesystem::perms::none);
    const AsNobody nobody;
    const auto refused = VarlinkClient::connect(dir / "control");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, EACCES);
    EXPECT_THAT(refused.error().message, HasSubstr("join the group sockdog"));
}

TEST(VarlinkClient, CallsOneAfterTheOther) {
    const TempDir dir;
    const LoopThread loop(dir / "control", [](VarlinkServer& server) {
        server.handle("Echo", Access::kRead, [](Call call) { call.reply(call.parameters()); });
        server.handle("Missing", Access::kRead, [](Call call) {
            call.fail("NotFound", {{"reason", "no process 42"}});
        });
    });
    auto client = VarlinkClient::connect(dir / "control");
    ASSERT_TRUE(client.ok()) << client.error().message;
    const auto big = client->call("io.sockdog.Control.Echo", {{"text", std::string(500'000, 'y')}});
    ASSERT_TRUE(big.ok()) << big.error().message;
    EXPECT_EQ((*big)["text"].get<std::string>().size(), 500'000U);

    const auto missing = client->call("io.sockdog.Control.Missing");
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, ESRCH);
    EXPECT_EQ(missing.error().message,
              "io.sockdog.Control.Missing: io.sockdog.Control.NotFound: no process 42");
    const auto unknown = client->call("io.sockdog.Control.Unknown");
    ASSERT_FALSE(unknown.ok());
    EXPECT_EQ(unknown.error().code, ENOSYS);
    EXPECT_TRUE(client->call("io.sockdog.Control.Echo").ok()) << "an error leaves the connection usable";
}

TEST(VarlinkClient, StreamsUntilTheServerEndsOrTheCallerHasEnough) {
    const TempDir dir;
    const LoopThread loop(dir / "control", [](VarlinkServer& server) {
        server.handle("Count", Access::kRead, [](Call call) {
            for (int i = 0; i < 5; ++i) call.reply_continues({{"i", i}});
            call.reply({{"i", 5}});
        });
    });
    auto client = VarlinkClient::connect(dir / "control");
    ASSERT_TRUE(client.ok());
    int seen = 0;
    ASSERT_TRUE(client
                    ->stream("io.sockdog.Control.Count", json::object(),
                             [&](const json& j) {
                                 EXPECT_EQ(j["i"], seen++);
                                 return true;
                             })
                    .ok());
    EXPECT_EQ(seen, 6);
    ASSERT_TRUE(
        client->stream("io.sockdog.Control.Count", json::object(), [](const json&) { return false; }).ok());
    const auto after = client->call("io.sockdog.Control.Count");
    ASSERT_FALSE(after.ok()) << "late replies of the stream must not be taken for its answer";
    EXPECT_EQ(after.error().code, ENOTCONN);
}

TEST(VarlinkClient, StopsAStreamWhenTheStopFdIsReadable) {
    const TempDir dir;
    std::vector<Call> kept;
    LoopThread loop(dir / "control", [&](VarlinkServer& server) {
        server.handle("Wait", Access::kRead, [&](Call call) { kept.push_back(std::move(call)); });
    });
    auto client = VarlinkClient::connect(dir / "control");
    ASSERT_TRUE(client.ok());
    const UniqueFd stop(::eventfd(1, EFD_CLOEXEC));
    EXPECT_TRUE(
        client
            ->stream(
                "io.sockdog.Control.Wait", json::object(), [](const json&) { return true; }, stop.get())
            .ok());
    loop.run([&](VarlinkServer&) { kept.clear(); });
}

TEST(VarlinkClient, GivesUpAtItsTimeoutAndTakesNoLateReply) {
    const TempDir dir;
    std::vector<Call> kept;
    LoopThread loop(dir / "control", [&](VarlinkServer& server) {
        server.handle("Wait", Access::kRead, [&](Call call) { kept.push_back(std::move(call)); });
    });
    auto client = VarlinkClient::connect(dir / "control");
    ASSERT_TRUE(client.ok());
    const auto late = client->call("io.sockdog.Control.Wait", json::object(), 50ms);
    ASSERT_FALSE(late.ok());
    EXPECT_EQ(late.error().code, ETIMEDOUT);
    loop.run([&](VarlinkServer&) { kept.clear(); });
    EXPECT_EQ(client->call("io.sockdog.Control.Wait").error().code, ENOTCONN);
}

struct BadAnswer {
    std::string bytes;
    int code;
};

TEST(VarlinkClient, IsNotFooledByWhatIsNoReply) {
    const std::vector<BadAnswer> cases = {
        {"", ECONNRESET},
        {"{\"parameters\":{}}", ECONNRESET},
        {nul("hello"), EPROTO},
        {nul(""), EPROTO},
        {nul("[]"), EPROTO},
        {nul("{\"parameters\":[]}"), EPROTO},
        {nul("{\"error\":7}"), EPROTO},
        {nul("{\"continues\":1}"), EPROTO},
        {nul("{\"continues\":true}"), EPROTO},
        {nul("{\"parameters\":" + std::string(300'000, '[')), EPROTO},
        {nul("{\"error\":\"io.other.Oops\"}"), EREMOTEIO},
        {nul("{\"error\":\"\",\"parameters\":{\"reason\":{}}}"), EREMOTEIO},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const TempDir dir;
        const FakeDaemon daemon(dir / "control", {cases[i].bytes});
        auto client = VarlinkClient::connect(dir / "control");
        ASSERT_TRUE(client.ok());
        const auto reply = client->call("io.sockdog.Control.GetStatus");
        ASSERT_FALSE(reply.ok()) << "case " << i;
        EXPECT_EQ(reply.error().code, cases[i].code) << "case " << i << ": " << reply.error().message;
    }
}

TEST(VarlinkClient, TakesAnEmptyReplyAsAnEmptyObject) {
    const TempDir dir;
    const FakeDaemon daemon(dir / "control", {nul("{}"), nul("{\"parameters\":null,\"error\":null}")});
    auto client = VarlinkClient::connect(dir / "control");
    ASSERT_TRUE(client.ok());
    for (int i = 0; i < 2; ++i) {
        const auto reply = client->call("io.sockdog.Control.Reload");
        ASSERT_TRUE(reply.ok()) << reply.error().message;
        EXPECT_EQ(*reply, json::object());
    }
}

}  // namespace
}  // namespace sockdog
