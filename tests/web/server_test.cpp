#include "web/server.h"

#include <crypt.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <thread>

#include "../query/loop_thread.h"
#include "relay/fake_receiver.h"
#include "scene.h"
#include "temp_dir.h"
#include "web/password_file.h"

namespace sockdog {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class WebTest : public ::testing::Test {
  protected:
    void start() {
        auto started = WebServer::start(settings_, folder_ / "control", [] { return RelayStats{}; });
        ASSERT_TRUE(started.ok()) << started.error().message;
        server_ = std::move(*started);
    }
    /// An agent with one incident.
    void start_agent() {
        agent_ = std::make_unique<testing::LoopThread>(folder_ / "control", test::answer_with_one_incident);
    }
    httplib::Client client() {
        httplib::Client made("127.0.0.1", port_);
        made.set_read_timeout(20, 0);
        return made;
    }

    const fixtures::TempDir folder_;
    const int port_ = test::unused_port();
    WebSettings settings_{.listen = "127.0.0.1:" + std::to_string(port_)};
    std::unique_ptr<testing::LoopThread> agent_;
    std::unique_ptr<WebServer> server_;
};

TEST_F(WebTest, ServesMetricsPageAndState) {
    start_agent();
    start();
    const auto metrics = client().Get("/metrics");
    ASSERT_TRUE(metrics);
    EXPECT_EQ(metrics->status, 200);
    EXPECT_THAT(metrics->get_header_value("Content-Type"), HasSubstr("version=0.0.4"));
    EXPECT_THAT(metrics->body, HasSubstr("sockdog_agent_up 1\n"));
    EXPECT_THAT(metrics->body, HasSubstr("unit=\"web.service\""));
    const auto state = json::parse(client().Get("/api/state")->body);
    EXPECT_EQ(state["incidents"][0]["id"], "i7");
    const auto page = client().Get("/");
    EXPECT_THAT(page->body, HasSubstr("<title>sockdog</title>"));
    const std::string policy = page->get_header_value("Content-Security-Policy");
    EXPECT_THAT(policy, HasSubstr("default-src 'none'; script-src 'self'"));
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_EQ(client().Get("/page.js")->status, 200);
    EXPECT_EQ(client().Get("/page.css")->status, 200);
    EXPECT_EQ(client().Get("/healthz")->body, "ok\n");
    EXPECT_EQ(client().Get("/../../etc/passwd")->status, 404);
    EXPECT_EQ(client().Post("/api/state", "{}", "application/json")->status, 405);
}

TEST_F(WebTest, WithoutAnAgentItSaysSo) {
    start();
    const auto state = json::parse(client().Get("/api/state")->body);
    EXPECT_EQ(state["up"], false);
    EXPECT_EQ(state["problem"], "sockdogd does not answer");
    EXPECT_THAT(client().Get("/metrics")->body, HasSubstr("sockdog_agent_up 0\n"));
}

TEST_F(WebTest, EventsTellOfChangesAndItEndsWhileTheyAreFollowed) {
    start();
    std::string got;
    std::thread following([&] {
        client().Get("/events", [&](const char* data, std::size_t size) {
            got.append(data, size);
            if (got.find("event: state\ndata: {") != std::string::npos && !agent_) start_agent();
            return got.find("\"id\":\"i7\"") == std::string::npos;
        });
    });
    following.join();
    EXPECT_THAT(got, HasSubstr("\"up\":false"));
    EXPECT_THAT(got, HasSubstr("\"up\":true"));
    std::thread endless([this] {
        const auto ended = client().Get("/events", [](const char*, std::size_t) { return true; });
    });
    std::this_thread::sleep_for(300ms);
    const MonoTime begin = MonoClock::now();
    server_.reset();
    EXPECT_LT(MonoClock::now() - begin, Duration(8s));
    endless.join();
}

TEST_F(WebTest, UsersAreAskedForTheirPasswordOverTls) {
    const std::string hash = ::crypt("open sesame", "$6$abcdefgh");
    const auto certificate = test::make_certificate(folder_.path().string());
    settings_.users_file = folder_.put("users", "# who may\nann:" + hash + "\n");
    settings_.tls_certificate = certificate.certificate_file;
    settings_.tls_key = certificate.key_file;
    start();
    httplib::SSLClient tls("127.0.0.1", port_);
    tls.set_ca_cert_path(certificate.certificate_file.c_str());
    tls.enable_server_certificate_verification(true);
    ASSERT_TRUE(tls.Get("/healthz"));
    EXPECT_EQ(tls.Get("/metrics")->status, 401);
    EXPECT_THAT(tls.Get("/metrics")->get_header_value("WWW-Authenticate"), HasSubstr("Basic realm="));
    tls.set_basic_auth("ann", "open sesame");
    EXPECT_EQ(tls.Get("/metrics")->status, 200);
    EXPECT_EQ(tls.Get("/")->status, 200);
    tls.set_basic_auth("ann", "wrong");
    EXPECT_EQ(tls.Get("/metrics")->status, 401);
    tls.set_basic_auth("bob", "open sesame");
    EXPECT_EQ(tls.Get("/metrics")->status, 401);
    EXPECT_FALSE(client().Get("/metrics")) << "not in the clear";
}

TEST_F(WebTest, WhatIsWrongIsSaid) {
    const auto refused = [this](const std::string& words) {
        const auto started = WebServer::start(settings_, folder_ / "control", [] { return RelayStats{}; });
        ASSERT_FALSE(started.ok());
        EXPECT_THAT(started.error().message, HasSubstr(words));
    };
    settings_.listen = "0.0.0.0:" + std::to_string(port_);
    refused("listen is no loopback address");
    settings_.listen = "127.0.0.1:" + std::to_string(port_);
    settings_.tls_certificate = settings_.tls_key = "/nonexistent";
    refused("cannot be read");
    settings_.tls_certificate = settings_.tls_key = "";
    settings_.users_file = folder_.put("users", "ann:plain password\n");
    refused("users:1: the hash is of no method that crypt(5) knows");
    settings_.users_file = "";
    start();
    refused("listen on 127.0.0.1:");
}

TEST(PasswordFileTest, ReadsHashesOfCryptAndNothingElse) {
    const std::string hash = ::crypt("secret", "$6$saltsalt");
    for (const std::string& bad : {std::string(), std::string("ann"), ":" + hash, std::string("ann:"),
                                   std::string("ann:$9$x"), std::string("# ann:") + hash})
        EXPECT_FALSE(PasswordFile::parse(bad, "f").ok()) << bad;
    auto file = PasswordFile::parse("ann:" + hash + "\n", "f");
    ASSERT_TRUE(file.ok());
    EXPECT_TRUE(file->allows("Basic YW5uOnNlY3JldA=="));
    EXPECT_TRUE(file->allows("Basic YW5uOnNlY3JldA==")) << "known again";
    for (const char* no : {"", "Basic", "Basic ", "Basic !!!!", "Basic YW5u",
                           "Bearer YW5uOnNlY3JldA==", "Basic YW5uOnNlY3Jl", "Basic YW5uOnNlY3JldAA="})
        EXPECT_FALSE(file->allows(no)) << no;
}

TEST(ListenAddress, IsAnAddressWithAPort) {
    EXPECT_TRUE(parse_listen("127.0.0.1:9743")->loopback);
    EXPECT_TRUE(parse_listen("[::1]:1")->loopback);
    EXPECT_FALSE(parse_listen("0.0.0.0:9743")->loopback);
    EXPECT_FALSE(parse_listen("[2001:db8::1]:9743")->loopback);
    EXPECT_EQ(parse_listen("[::1]:80")->host, "::1");
    for (const char* bad : {"", "9743", ":9743", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536",
                            "localhost:80", "::1:80", "127.0.0.1:80x"})
        EXPECT_FALSE(parse_listen(bad)) << bad;
}

}  // namespace
}  // namespace sockdog
