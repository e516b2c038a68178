// What the helper asks and how it takes every kind of answer. Real HTTP on loopback.
#include "monit/exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "monit/fake_server.h"
#include "monit/status.h"

namespace sockdog::monit {
namespace {

using sockdog::testing::DroppingPort;
using sockdog::testing::FakeServer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string ok(const std::string& body) {
    return "HTTP/1.0 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
const std::string kMoved = "HTTP/1.0 302 Moved Temporarily\r\nLocation: /web\r\nContent-Length: 0\r\n\r\n";
const std::string kXml =
    R"(<monit><service type="3"><name>web</name><monitor>1</monitor><pendingaction>0</pendingaction>)"
    R"(<pid>42</pid></service></monit>)";

nlohmann::json carried_out(const std::string& url, Duration timeout = 10s, const std::string& user = "vcap") {
    Request request;
    request.access = {url, "", user, "p%40s:s"};
    request.timeout = timeout;
    request.lineage = {43, 42};
    const std::string line = carry_out(request);
    EXPECT_LT(line.size(), 4000U);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    return nlohmann::json::parse(line);
}

TEST(MonitExchange, RestartsTheServiceWithATokenInCookieAndForm) {
    for (const std::string& answer : {kMoved, ok("<html>the page of an old version</html>")}) {
        const FakeServer server({ok(kXml), answer});
        const auto line = carried_out(server.url());
        EXPECT_EQ(line["result"], "accepted") << line;
        EXPECT_EQ(line["service"], "web");
        const auto requests = server.requests();
        ASSERT_EQ(requests.size(), 2U);
        EXPECT_THAT(requests[0], AllOf(StartsWith("GET /_status?format=xml HTTP/1.1\r\n"),
                                       HasSubstr("Authorization: Basic dmNhcDpwJTQwczpz\r\n")));
        EXPECT_THAT(requests[1],
                    AllOf(StartsWith("POST /web HTTP/1.1\r\n"), HasSubstr("Authorization: Basic ")));
        const auto token = requests[1].substr(requests[1].find("Cookie: securitytoken=") + 22, 32);
        EXPECT_EQ(token.find_first_not_of("0123456789abcdef"), std::string::npos) << token;
        EXPECT_TRUE(requests[1].ends_with("\r\n\r\naction=restart&securitytoken=" + token)) << requests[1];
    }
}

TEST(MonitExchange, DoesNotRestartWhatItRefuses) {
    std::string xml = kXml;
    xml.replace(xml.find("<monitor>1"), 10, "<monitor>0");
    const FakeServer server({ok(xml), kMoved});
    const auto line = carried_out(server.url());
    EXPECT_EQ(line["result"], "refused");
    EXPECT_EQ(line["service"], "web");
    EXPECT_THAT(line["reason"].get<std::string>(), StartsWith("target: monit service web is not monitored"));
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST(MonitExchange, TellsWhatIsWrongWithAnAnswer) {
    struct Case {
        std::vector<std::string> answers;
        std::string says;
    };
    const std::string refused = "HTTP/1.0 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    const std::string forbidden = "HTTP/1.0 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    const std::string header = "HTTP/1.0 200 OK\r\n";
    const std::vector<Case> cases = {
        {{refused}, "refuses the credentials (HTTP 401): check remedies.monit.credentials_file"},
        {{forbidden}, "does not allow it (HTTP 403)"},
        {{ok(kXml), forbidden}, "does not allow it (HTTP 403)"},
        {{ok(kXml), "HTTP/1.0 503 No\r\nContent-Length: 0\r\n\r\n"},
         "did not accept the restart of web (HTTP 503)"},
        {{kMoved}, "did not tell its status (HTTP 302)"},  // a redirect is not followed
        {{ok("<html/>")}, "not <monit>"},
        {{ok("")}, "no element found"},
        {{"garbage\x01\xff"}, "cannot be asked"},
        {{header + "Content-Length: 100\r\n\r\n<monit>"}, "cannot be asked"},  // cut off
        {{header + "\r\n" + std::string(kMostBytes + 1, ' ')}, "too large"},
        {{header + "Content-Length: 99999999999\r\n\r\n" + std::string(4U << 20, 'x')}, "too large"},
        {{header + std::string(2U << 20, 'x')}, "cannot be asked"},
        {{header +
          [] {
              std::string lines;
              for (int i = 0; i < 9000; ++i) lines += "X-Header: 1234\r\n";
              return lines;
          }()},
         "too large"},
        {{header + "Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08"}, "cannot be read"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.says);
        const FakeServer server(c.answers);
        const auto line = carried_out(server.url());
        EXPECT_EQ(line["result"], "failed");
        EXPECT_THAT(line["reason"].get<std::string>(), HasSubstr(c.says));
    }
}

TEST(MonitExchange, SaysThatItHasNoCredentials) {
    const FakeServer server({"HTTP/1.0 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"});
    const auto line = carried_out(server.url(), 10s, "");
    EXPECT_THAT(line["reason"].get<std::string>(), HasSubstr("refuses a request without credentials"));
    EXPECT_THAT(server.requests().at(0), Not(HasSubstr("Authorization")));
}

TEST(MonitExchange, GivesUpInTime) {
    const FakeServer silent({"", ""});
    const FakeServer silent_later({ok(kXml), ""});
    DroppingPort dropping;
    for (const std::string& url : {silent.url(), silent_later.url(), dropping.url()}) {
        const auto begin = std::chrono::steady_clock::now();
        const auto line = carried_out(url, 500ms);
        EXPECT_EQ(line["result"], "failed") << line;
        EXPECT_THAT(line["reason"].get<std::string>(), HasSubstr("cannot be asked")) << line;
        const Duration took = std::chrono::steady_clock::now() - begin;
        EXPECT_GE(took, 400ms);
        EXPECT_LT(took, 3s);
    }
    dropping.close();
    EXPECT_THAT(carried_out(dropping.url())["reason"].get<std::string>(), HasSubstr("cannot be asked"));
}

TEST(MonitExchange, TakesOnlyTheRequestsOfTheAgent) {
    const std::string good =
        R"({"url":"http://127.0.0.1:1","socket":"","user":"u","password":"secret","timeout_ms":5000,"lineage":[4]})";
    const auto request = parse_request(good);
    ASSERT_TRUE(request.ok());
    EXPECT_EQ(request->access.password, "secret");
    EXPECT_EQ(request->timeout, Duration(5s));
    EXPECT_EQ(request->lineage, std::vector<std::uint32_t>{4});
    for (std::size_t n = 0; n < good.size(); ++n) {
        const auto cut = parse_request(good.substr(0, n));
        ASSERT_FALSE(cut.ok()) << n;
        EXPECT_THAT(cut.error().message, Not(HasSubstr("secret")));
    }
    for (const auto* text : {"[]", "{}", "null", "7", "{\"url\": 7}"}) EXPECT_FALSE(parse_request(text).ok());
}

TEST(MonitExchange, AnswersInOneShortLineWhateverTheReason) {
    const std::string line =
        failure_line(std::string(10'000, '\x01') + "\n\xff\"\\" + std::string(9999, '"'));
    EXPECT_LT(line.size(), 4000U);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_TRUE(nlohmann::json::accept(line));
}

}  // namespace
}  // namespace sockdog::monit
