// A real Prometheus, of package prometheus: it scrapes the relay's port, and the shipped rules fire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <fstream>
#include <set>

#include "../query/loop_thread.h"
#include "relay/fake_receiver.h"
#include "relay/real_peer.h"
#include "scene.h"
#include "temp_dir.h"
#include "web/server.h"

namespace sockdog {
namespace {

using nlohmann::json;
using test::eventually;

/// Title and query of each panel, with what Grafana puts in for its variables.
std::vector<std::pair<std::string, std::string>> dashboard_queries() {
    std::ifstream in(SOCKDOG_SOURCE_DIR "/config/grafana/sockdog.json");
    const json dashboard = json::parse(in);
    std::vector<std::pair<std::string, std::string>> queries;
    for (const json& panel : dashboard.at("panels")) {
        for (const json& target : panel.value("targets", json::array())) {
            auto query = target.at("expr").get<std::string>();
            for (const auto& [variable, value] : {std::pair{"$__rate_interval", "1m"}, {"$instance", ".*"}}) {
                const std::string name = variable;
                for (auto at = query.find(name); at != std::string::npos; at = query.find(name))
                    query.replace(at, name.size(), value);
            }
            queries.emplace_back(panel.at("title"), query);
        }
    }
    return queries;
}

TEST(RealPrometheus, ScrapesAndTheShippedRuleFires) {
    const std::string program = test::RealPeer::find("prometheus");
    if (program.empty()) GTEST_SKIP() << "no prometheus (package of that name)";
    const fixtures::TempDir folder;
    const testing::LoopThread agent(folder / "control", test::answer_with_one_incident);
    const std::string target = "127.0.0.1:" + std::to_string(test::unused_port());
    const auto web = WebServer::start({.listen = target}, folder / "control", [] { return RelayStats{}; });
    ASSERT_TRUE(web.ok()) << web.error().message;
    const std::string config = folder.put("prometheus.yml",
                                          "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
                                          "rule_files: ['" SOCKDOG_SOURCE_DIR
                                          "/config/prometheus/rules.yaml']\n"
                                          "scrape_configs:\n"
                                          "  - job_name: sockdog\n"
                                          "    static_configs: [{targets: ['" +
                                              target + "']}]\n");
    const int port = test::unused_port();
    const test::RealPeer peer({program, "--config.file=" + config,
                               "--storage.tsdb.path=" + (folder / "data").string(),
                               "--web.listen-address=127.0.0.1:" + std::to_string(port)});
    ASSERT_TRUE(test::answers(port));
    httplib::Client client("127.0.0.1", port);
    const auto ask = [&](const std::string& path) {
        const auto answer = client.Get(path.c_str());
        return answer ? json::parse(answer->body, nullptr, false) : json();
    };
    json firing;
    const bool fired = eventually(
        [&] {
            const json reply = ask("/api/v1/alerts");
            if (!reply.is_object() || !reply.contains("data")) return false;
            for (const json& alert : reply["data"]["alerts"])
                if (alert["labels"]["alertname"] == "SockdogLeak" && alert["state"] == "firing")
                    firing = alert;
            return !firing.is_null();
        },
        45s);
    ASSERT_TRUE(fired) << ask("/api/v1/targets");
    EXPECT_EQ(firing["labels"]["unit"], "web.service");
    EXPECT_EQ(firing["labels"]["class"], "close_wait");
    EXPECT_EQ(firing["labels"]["instance"], target);
    const json scraped = ask("/api/v1/query?query=sockdog_sockets%7Bstate%3D%22CLOSE_WAIT%22%7D");
    ASSERT_EQ(scraped["data"]["result"].size(), 1U);
    EXPECT_EQ(scraped["data"]["result"][0]["value"][1], "5");
    const json target_state = ask("/api/v1/targets")["data"]["activeTargets"][0];
    EXPECT_EQ(target_state["health"], "up") << target_state;

    // What there is nothing of here: no forecast, no failure, no receiver, no loss.
    const std::set<std::string> empty{"Earliest exhaustion", "Alerts that wait", "Alerts delivered"};
    const auto queries = dashboard_queries();
    EXPECT_GE(queries.size(), 14U);
    for (const auto& [title, query] : queries) {
        const auto rows = [&, &expression = query] {
            const json reply = ask("/api/v1/query?query=" + httplib::detail::encode_query_param(expression));
            EXPECT_EQ(reply.value("status", ""), "success") << reply;
            return reply.contains("data") ? reply["data"]["result"].size() : 0;
        };
        if (empty.contains(title))
            EXPECT_EQ(rows(), 0U) << title;
        else
            EXPECT_TRUE(eventually([&] { return rows() > 0; }, 20s)) << title << " shows nothing: " << query;
    }
}

}  // namespace
}  // namespace sockdog
