#include "monit/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace sockdog::monit {
namespace {

using ::testing::HasSubstr;

// As monit 5.33 sent it, shortened.
constexpr const char* kStatus =
    R"(<?xml version="1.0" encoding="ISO-8859-1"?><monit><server><id>06d9</id><version>5.33.0</version>)"
    R"(<httpd><address>127.0.0.1</address><port>28777</port><ssl>0</ssl></httpd></server>)"
    R"(<platform><name>Linux</name><memory>24684084</memory></platform>)"
    R"(<service type="3"><name>web</name><status>0</status><monitor>1</monitor><pendingaction>0</pendingaction>)"
    R"(<pid>24031</pid><ppid>1</ppid><memory><percent>0.0</percent><pid>7</pid></memory></service>)"
    R"(<service type="3"><name>caf)"
    "\xe9"
    R"(</name><monitor>0</monitor><pendingaction>0</pendingaction></service>)"
    R"(<service type="5"><name>vm</name><monitor>1</monitor><pendingaction>2</pendingaction></service></monit>)";

TEST(MonitStatus, IsReadAsMonitSendsIt) {
    const auto services = parse_status(kStatus);
    ASSERT_TRUE(services.ok()) << services.error().message;
    ASSERT_EQ(services->size(), 3U);
    const Service& web = services->at(0);
    EXPECT_EQ(web.name, "web");
    EXPECT_EQ(web.type, kProcessType);
    EXPECT_EQ(web.monitor, 1);
    EXPECT_EQ(web.pending_action, 0);
    EXPECT_EQ(web.pid, 24031U);  // not the one further down
    EXPECT_EQ(services->at(1).name, "caf\xc3\xa9");
    EXPECT_EQ(services->at(1).monitor, 0);
    EXPECT_EQ(services->at(1).pid, std::nullopt);
    EXPECT_EQ(services->at(2).type, 5);
    EXPECT_EQ(services->at(2).pending_action, 2);
}

TEST(MonitStatus, IsReadInItsSecondFormatToo) {
    const auto services =
        parse_status(R"(<monit id="1"><services><service name="web"><type>3</type><monitor>1</monitor>)"
                     R"(<pendingaction>0</pendingaction><pid> 42 </pid></service></services></monit>)");
    ASSERT_TRUE(services.ok()) << services.error().message;
    ASSERT_EQ(services->size(), 1U);
    EXPECT_EQ(services->at(0).name, "web");
    EXPECT_EQ(services->at(0).type, kProcessType);
    EXPECT_EQ(services->at(0).pid, 42U);
}

TEST(MonitStatus, TakesNoNumberThatIsNone) {
    for (const auto* pid : {"", "-1", "0x10", "1e3", "4294967296", "42x", "99999999999999999999999"}) {
        const auto services = parse_status("<monit><service type=\"3\"><name>a</name><pid>" +
                                           std::string(pid) + "</pid></service></monit>");
        ASSERT_TRUE(services.ok()) << pid;
        EXPECT_EQ(services->at(0).pid, std::nullopt) << pid;
    }
}

std::string repeated(const std::string& text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

TEST(MonitStatus, RefusesWhatMonitNeverSends) {
    std::string bomb = "<?xml version=\"1.0\"?><!DOCTYPE monit [<!ENTITY a0 \"lol\">";
    for (int i = 1; i < 30; ++i) {
        const std::string before = "&a" + std::to_string(i - 1) + ";";
        bomb += "<!ENTITY a" + std::to_string(i) + " \"" + repeated(before, 10) + "\">";
    }
    bomb += "]><monit><service><name>&a29;</name></service></monit>";
    const std::string whole = kStatus;
    struct Case {
        std::string name;
        std::string xml;
        std::string says;
    };
    const std::vector<Case> cases = {
        {"nothing", "", "no element found"},
        {"a page", "<html><body>x</body></html>", "not <monit>"},
        {"an empty page", "<html/>", "not <monit>"},
        {"nested too deeply, and empty", "<monit>" + repeated("<a>", 15) + "<b/>", "nested too deeply"},
        {"garbage", std::string("\x00\xff\x01garbage", 10), "cannot be read"},
        {"no XML", "{\"monit\": true}", "not well-formed"},
        {"an entity bomb", bomb, "document type"},
        {"a file", "<!DOCTYPE m [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><monit>&x;</monit>",
         "document type"},
        {"a DTD elsewhere", "<!DOCTYPE m SYSTEM \"http://127.0.0.1:1/x\"><monit/>", "document type"},
        {"an undeclared entity", "<monit>&x;</monit>", "undefined entity"},
        {"nested too deeply", "<monit>" + repeated("<a>", 100'000), "nested too deeply"},
        {"truncated", whole.substr(0, whole.size() - 3), "cannot be read"},
        {"truncated in a service", whole.substr(0, 500), "cannot be read"},
        {"two documents", whole + "<monit/>", "junk"},
        {"an unknown encoding", "<?xml version=\"1.0\" encoding=\"x-own\"?><monit/>", "encoding"},
        {"an endless name", "<monit><service type='3'><name>" + std::string(100'000, 'a'), "too long"},
        {"an endless attribute", "<monit><service name='" + std::string(100'000, 'a') + "'/></monit>",
         "too long"},
        {"too many services", "<monit>" + repeated("<service/>", 5000) + "</monit>", "too many"},
        {"several MB", "<monit>" + std::string(4U << 20, ' ') + "</monit>", "too large"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.name);
        const auto begin = std::chrono::steady_clock::now();
        const auto services = parse_status(c.xml);
        ASSERT_FALSE(services.ok());
        EXPECT_THAT(services.error().message, HasSubstr(c.says));
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
    }
}

TEST(MonitStatus, IsRefusedWhereverItIsCutOff) {
    const std::string whole = kStatus;
    for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(parse_status(whole.substr(0, n)).ok()) << n;
}

}  // namespace
}  // namespace sockdog::monit
