// `sockdog destroy`: what it says, when it asks, and what it leaves alone. The kernel and the daemon are made
// up; tests/kernel has the real one.
#include "cli/destroy.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/scenes.h"
#include "query/loop_thread.h"

namespace sockdog {
namespace {

using nlohmann::json;

struct Doomed : LocalKernel {
    Result<DestroyPlan> plan = DestroyPlan{};
    Result<DestroyResult> result = DestroyResult{};
    int destroyed = 0;  // calls

    Result<std::vector<Capability>> capabilities() override { return make_error("not asked"); }
    BooksPlace books_place() override { return {}; }
    Result<ScanResult> scan() override { return make_error("not asked"); }
    Result<RunReport> run(const RunPlan&) override { return make_error("not asked"); }
    Result<DestroyPlan> plan_destroy(const Incident&) override { return plan; }
    Result<DestroyResult> destroy(const Incident&, const DestroyPlan&) override {
        ++destroyed;
        return result;
    }
};

DiagSocket doomed_socket() {
    DiagSocket socket;
    socket.local = scenes::endpoint("10.0.0.5:40000");
    socket.remote = scenes::endpoint("10.0.0.6:25555");
    socket.recv_queue_bytes = 32;
    return socket;
}

class DestroyCommand : public ::testing::Test {
  protected:
    void SetUp() override {
        scenes::use_zone();
        kernel_.plan->chosen = {doomed_socket(), doomed_socket()};
        kernel_.plan->permitted = true;
        kernel_.result->fates = {SocketFate::kDestroyed, SocketFate::kDestroyed};
        server_ = std::make_unique<testing::LoopThread>(path_, [this](VarlinkServer& server) {
            server.handle("Explain", Access::kRead, [this](Call call) {
                if (call.parameters().at("incident") != "i7")
                    return call.fail("NotFound", {{"reason", "there is no such incident"}});
                call.reply({{"explanation", view_}});
            });
            server.handle("ListIncidents", Access::kRead, [this](Call call) {
                call.reply({{"incidents", view_.incidents}});
            });
            server.handle("ReportDestroyed", Access::kRead, [this](Call call) {
                reported_ = call.parameters();
                if (!takes_reports_) return call.fail("Failed", {{"reason", "disk full"}});
                call.reply(json::object());
            });
        });
    }

    int run(const std::vector<std::string>& arguments, const std::string* answer = nullptr) {
        Environment environment;
        environment.socket = path_.string();
        const Parsed parsed = parse_arguments(arguments, environment);
        if (!parsed.options) {
            ADD_FAILURE() << parsed.err;
            return -1;
        }
        std::istringstream terminal(answer == nullptr ? "" : *answer);
        out_.str("");
        err_.str("");
        return run_command(*parsed.options,
                           Surroundings{out_, err_, Style{}, &kernel_, ProcRoot{"/nonexistent"}, 1ms,
                                        answer == nullptr ? nullptr : &terminal});
    }
    [[nodiscard]] bool said(const std::string& text) const {
        return (out_.str() + err_.str()).find(text) != std::string::npos;
    }

    testing::TempDir folder_;
    std::filesystem::path path_ = folder_ / "control";
    ExplainView view_ = scenes::leak_story();
    Doomed kernel_;
    json reported_;
    bool takes_reports_ = true;
    std::unique_ptr<testing::LoopThread> server_;
    std::ostringstream out_;
    std::ostringstream err_;
};

TEST_F(DestroyCommand, SaysWhatItDoesAndWhatItDoesNotHelp) {
    kernel_.plan->already_read = 3;
    kernel_.plan->elsewhere = 4;
    EXPECT_EQ(run({"destroy", "i7", "--dry-run"}), kExitOk) << err_.str();
    for (const char* words :
         {"2 sockets in CLOSE_WAIT to 10.0.0.6:25555", "pid 4242", "health_monitor.service",
          "frees their ports at once", "descriptors stay open", "EMFILE", "40 ESTABLISHED", "never destroyed",
          "3 in CLOSE_WAIT whose end the program has read", "4 in CLOSE_WAIT of other endpoints",
          "systemctl restart health_monitor.service", "--dry-run"})
        EXPECT_TRUE(said(words)) << words << "\n" << out_.str();
    EXPECT_EQ(kernel_.destroyed, 0);
    EXPECT_TRUE(reported_.is_null());
}

TEST_F(DestroyCommand, AsksAtATerminalAndElseNeedsToBeTold) {
    EXPECT_EQ(run({"destroy", "i7"}), kExitUsage);
    EXPECT_TRUE(said("--yes")) << err_.str();
    for (const std::string answer : {"", "\n", "n\n", "yeah\n", "Y E S\n"})
        EXPECT_EQ(run({"destroy", "i7"}, &answer), kExitProblem) << answer;
    EXPECT_TRUE(said("Nothing was destroyed."));
    EXPECT_EQ(kernel_.destroyed, 0);
    int times = 0;
    for (const std::string answer : {"y\n", " yes \n", "Y\n"}) {
        EXPECT_EQ(run({"destroy", "i7"}, &answer), kExitOk) << answer;
        EXPECT_EQ(kernel_.destroyed, ++times);
    }
    EXPECT_EQ(run({"destroy", "i7", "--yes"}), kExitOk) << err_.str();
    EXPECT_TRUE(said("2 of 2 sockets destroyed")) << out_.str();
}

TEST_F(DestroyCommand, TellsTheDaemon) {
    kernel_.plan->chosen.push_back(doomed_socket());
    kernel_.result->fates.push_back(SocketFate::kVanished);
    EXPECT_EQ(run({"destroy", "i7", "--yes", "--json"}), kExitOk) << err_.str();
    EXPECT_EQ(reported_.at("incident"), "i7");
    EXPECT_EQ(reported_.at("pid"), 4242);
    EXPECT_EQ(reported_.at("destroyed"), 2);
    EXPECT_EQ(reported_.at("vanished"), 1);
    EXPECT_EQ(reported_.at("refused"), 0);
    const json answer = json::parse(out_.str());
    EXPECT_EQ(answer.at("chosen"), 3);
    EXPECT_EQ(answer.at("sockets").at(2).at("fate"), "vanished");
    EXPECT_EQ(answer.at("sockets").at(0).at("local"), "10.0.0.5:40000");
    takes_reports_ = false;
    EXPECT_EQ(run({"destroy", "i7", "--yes"}), kExitSoftware);
    EXPECT_TRUE(said("2 of 3 sockets destroyed") && said("did not write it down")) << err_.str();
}

TEST_F(DestroyCommand, SaysWhyTheKernelRefuses) {
    kernel_.result->fates = {SocketFate::kRefused, SocketFate::kRefused};
    kernel_.result->refusal = make_error("built without CONFIG_INET_DIAG_DESTROY", EOPNOTSUPP);
    EXPECT_EQ(run({"destroy", "i7", "--yes"}), kExitSoftware);
    EXPECT_TRUE(said("0 of 2 sockets destroyed, 2 refused") && said("CONFIG_INET_DIAG_DESTROY"));
    EXPECT_EQ(reported_.at("refusal"), "built without CONFIG_INET_DIAG_DESTROY");
    kernel_.result->refusal = make_error("that needs root (CAP_NET_ADMIN)", EPERM);
    EXPECT_EQ(run({"destroy", "i7", "--yes"}), kExitNoPermission);
    kernel_.plan->permitted = false;
    kernel_.destroyed = 0;
    EXPECT_EQ(run({"destroy", "i7", "--yes"}), kExitNoPermission);
    EXPECT_EQ(kernel_.destroyed, 0) << "told before anything is tried";
    EXPECT_EQ(run({"destroy", "i7", "--dry-run"}), kExitOk) << "looking is permitted";
}

TEST_F(DestroyCommand, DoesNothingWhereThereIsNothing) {
    kernel_.plan->chosen.clear();
    kernel_.plan->already_read = 3;
    EXPECT_EQ(run({"destroy", "i7", "--yes"}), kExitProblem);
    for (const char* words :
         {"nothing to destroy", "40 ESTABLISHED", "3 in CLOSE_WAIT whose end", "explain i7"})
        EXPECT_TRUE(said(words)) << words << "\n" << err_.str();
    kernel_.plan = make_error("pid 4242 is gone, and its sockets with it", ESRCH);
    EXPECT_EQ(run({"destroy", "i7", "--yes"}), kExitProblem);
    EXPECT_TRUE(said("pid 4242 is gone")) << err_.str();
    EXPECT_EQ(kernel_.destroyed, 0);
}

TEST_F(DestroyCommand, KnowsWhichIncidentsThereAre) {
    EXPECT_EQ(run({"destroy", "i9", "--yes"}), kExitProblem);
    EXPECT_TRUE(said("there is no incident i9; open is i7 (close_wait, health_monitor.service)"))
        << err_.str();
    view_.incidents.clear();
    EXPECT_EQ(run({"destroy", "i9", "--yes"}), kExitProblem);
    EXPECT_TRUE(said("none is open")) << err_.str();
}

TEST_F(DestroyCommand, LeavesAloneWhatIsOverOrBeingMended) {
    RemedyReport started;
    started.outcome = RemedyOutcome::kStarted;
    view_.incidents.front().remedies = {started};
    EXPECT_EQ(run({"destroy", "i7", "--yes"}), kExitProblem);
    EXPECT_TRUE(said("under way")) << err_.str();
    started.outcome = RemedyOutcome::kFailed;
    view_.incidents.front().remedies.push_back(started);
    EXPECT_EQ(run({"destroy", "i7", "--yes"}), kExitOk) << "it has ended";
    kernel_.destroyed = 0;
    view_.incidents.front().resolved_at = scenes::now().wall;
    EXPECT_EQ(run({"destroy", "i7", "--yes"}), kExitProblem);
    EXPECT_TRUE(said("i7 is resolved")) << err_.str();
    EXPECT_EQ(kernel_.destroyed, 0);
}

TEST_F(DestroyCommand, IsInTheStoryAfterwards) {
    RemedyReport report;
    report.outcome = RemedyOutcome::kByHand;
    report.action = "destroy";
    report.reason = "destroyed by hand: 40 of 40, by uid 0";
    report.at = scenes::now().wall;
    view_.incidents.front().remedies = {report};
    EXPECT_EQ(run({"explain", "i7"}), kExitOk) << err_.str();
    EXPECT_TRUE(said("CET destroyed by hand: 40 of 40, by uid 0")) << out_.str();
}

}  // namespace
}  // namespace sockdog
