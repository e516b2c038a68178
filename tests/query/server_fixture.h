// A server with the handlers that the tests of the control socket call.
#pragma once

#include <gtest/gtest.h>

#include "loop_thread.h"

namespace sockdog::testing {

inline constexpr const char* kStatus = R"({"method":"io.sockdog.Control.GetStatus"})";

/// `kept` holds the calls of Keep.
struct VarlinkServerTest : public ::testing::Test {
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

    ~VarlinkServerTest() override {
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
inline std::string method(const std::string& name,
                          const nlohmann::json& parameters = nlohmann::json::object(),
                          const char* flag = nullptr) {
    nlohmann::json call = {{"method", "io.sockdog.Control." + name}, {"parameters", parameters}};
    if (flag != nullptr) call[flag] = true;
    return call.dump();
}

}  // namespace sockdog::testing
