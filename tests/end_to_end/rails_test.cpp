// Guard rails in a live daemon: the same leak under one policy after the other, none of which may act, and
// `sockdog explain` tells why.
#include <signal.h>

#include <fstream>

#include "end_to_end/stage.h"

namespace sockdog::testing {
namespace {

using nlohmann::json;
using std::chrono::seconds;

struct Rail {
    std::string remedies;  // top-level settings
    std::string remedy;    // of the policy; later keys win over none given before
    std::string explained;
};

class LiveRails : public ::testing::Test {
  protected:
    void SetUp() override {
        if (const std::string why = cannot_run(); !why.empty()) GTEST_SKIP() << why;
        std::ofstream(script_) << "#!/bin/sh\necho \"$SOCKDOG_INCIDENT\" >>" << log_ << "\nexit 3\n";
    }
    void write(const std::string& remedies, const std::string& remedy) {
        stage_.write_config("remedies: {" + remedies +
                            "}\npolicies:\n  - name: rails\n    match: {command_line: '*leaky_client.py " +
                            port_ + " *'}\n    remedy: {" + remedy + "}\n");
    }
    [[nodiscard]] std::string command(const std::string& last = "{pid}") const {
        return "action: command, command: ['/bin/sh', '" + script_ + "', '" + last + "'], ";
    }
    [[nodiscard]] bool explains(const std::string& text) {
        return eventually(
            [&] { return (story_ = stage_.cli("explain " + id_).second).find(text) != std::string::npos; },
            seconds(20));
    }
    [[nodiscard]] std::size_t acts() const {
        std::ifstream in(log_);
        std::size_t count = 0;
        for (std::string line; std::getline(in, line);) count++;
        return count;
    }

    Stage stage_;
    std::string port_ = std::to_string(free_port());
    std::string script_ = stage_.path("act.sh").string();
    std::string log_ = stage_.path("acts").string();
    std::string id_;
    std::string story_;
};

TEST_F(LiveRails, HoldAndAreExplained) {
    write("after_boot: 0s", "action: none");
    stage_.start_agent();
    const auto server = stage_.script("keepalive_server.py", {port_, "2"});
    std::this_thread::sleep_for(seconds(1));
    const auto leaky = stage_.script("leaky_client.py", {port_, "8", "120"});
    ASSERT_TRUE(eventually(
        [&] {
            const json reply = stage_.call("ListIncidents");
            for (const json& incident : reply.value("incidents", json::array()))
                if (incident["latest"]["process"]["pid"] == leaky->pid()) id_ = incident["id"];
            return !id_.empty();
        },
        seconds(60)))
        << stage_.logs();
    EXPECT_TRUE(explains("No remedy now: policy: the policy names no action")) << story_;
    const std::string acting = "dry_run: false, min_leaked: 8, sustained: 1s, verify: 2s, cooldown: 1h, ";
    const std::vector<Rail> rails = {
        {"after_boot: 0s, protected_executables: ['python3*']", command() + acting + "budget: 3",
         "No remedy now: protected: "},
        {"after_boot: 0s", command("{container}") + acting + "budget: 3",
         "No remedy now: target: the command uses {container}"},
        {"after_boot: 0s", command() + "dry_run: false, min_leaked: 100000, sustained: 1s",
         "No remedy now: min_leaked: "},
        {"after_boot: 0s", command() + "dry_run: false, min_leaked: 8, sustained: 20h",
         "No remedy now: sustained: "},
        {"after_boot: 0s", command() + "dry_run: true, min_leaked: 8, sustained: 1s",
         "would have acted (dry run)"},
    };
    for (const Rail& rail : rails) {
        write(rail.remedies, rail.remedy);
        ASSERT_EQ(stage_.cli("reload").first, 0) << stage_.cli("reload").second;
        EXPECT_TRUE(explains(rail.explained)) << rail.explained << "\n" << story_;
    }
    ASSERT_EQ(stage_.cli("hold migration").first, 0);
    write("after_boot: 0s", command() + acting + "budget: 3, max_failures: 3");
    ASSERT_EQ(stage_.cli("reload").first, 0);
    EXPECT_TRUE(explains("No remedy now: hold: all acting is on hold (migration)")) << story_;
    EXPECT_EQ(acts(), 0U) << "none of these acted";

    // One act, which fails; then the cooldown holds, over kill -9 as well.
    ASSERT_EQ(stage_.cli("release").first, 0);
    EXPECT_TRUE(explains("No remedy now: cooldown: ")) << story_;
    stage_.agent->end(SIGKILL);
    stage_.start_agent();
    EXPECT_TRUE(explains("No remedy now: cooldown: ")) << story_;
    write("after_boot: 0s",
          command() +
              "dry_run: false, min_leaked: 8, sustained: 1s, cooldown: 1s, budget: 1, budget_window: 1h");
    ASSERT_EQ(stage_.cli("reload").first, 0);
    EXPECT_TRUE(explains("No remedy now: budget: 1 action ")) << story_;
    EXPECT_EQ(acts(), 1U);

    // A second failure: it gives up, and a release is told as what it is.
    write("after_boot: 0s",
          command() + "dry_run: false, min_leaked: 8, sustained: 1s, cooldown: 1s, budget: 9");
    ASSERT_EQ(stage_.cli("reload").first, 0);
    EXPECT_TRUE(explains("gave up, a person is needed")) << story_;
    EXPECT_TRUE(explains("No remedy now: gave up: ")) << story_;
    EXPECT_EQ(acts(), 2U);
    stage_.agent->end(SIGKILL);
    stage_.start_agent();
    EXPECT_TRUE(explains("No remedy now: gave up: ")) << story_;
    write("after_boot: 0s",
          command() + "dry_run: false, min_leaked: 8, sustained: 1s, cooldown: 1h, budget: 9");
    ASSERT_EQ(stage_.cli("reload").first, 0);
    ASSERT_EQ(stage_.cli("release").first, 0);
    EXPECT_TRUE(explains("It had given up; \"sockdog release\" of ")) << story_;
    EXPECT_TRUE(explains("No remedy now: cooldown: ")) << story_;
    EXPECT_EQ(acts(), 2U);
}

}  // namespace
}  // namespace sockdog::testing
