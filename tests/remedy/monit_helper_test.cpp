// The helper seen from the agent: what it is told, what it is, and every way in which it may answer. No
// monit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "monit/fake_server.h"
#include "remedy/fixtures.h"
#include "remedy/lineage.h"
#include "remedy/loop.h"
#include "remedy/monit_actuator.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace sockdog::testing;
using fixtures::TempDir;

constexpr const char* kHelper = SOCKDOG_BINARY_DIR "/bin/sockdog-monit";

ChildEnd wrote(std::string output) {
    ChildEnd end;
    end.output = std::move(output);
    return end;
}

TEST(MonitAnswer, IsTakenFromOneLine) {
    const auto accepted = read_monit_answer(wrote(R"({"reason":"","result":"accepted","service":"web"})"
                                                  "\n"));
    EXPECT_EQ(accepted.service, "web");
    ASSERT_TRUE(accepted.result.ok());
    EXPECT_EQ(*accepted.result, "monit accepted the restart of web");
    const auto refused =
        read_monit_answer(wrote(R"({"result":"refused","service":"we\u001bb","reason":"target: \u202e no\n"})"
                                "\n"));
    EXPECT_EQ(refused.service, "we\\x1bb");
    ASSERT_FALSE(refused.result.ok());
    EXPECT_THAT(refused.result.error().message,
                AllOf(HasSubstr("target: "), HasSubstr("no\\x0a"), Not(HasSubstr("\xe2\x80\xae"))));
}

TEST(MonitAnswer, IsAFailureWhereItIsAnythingElse) {
    const std::string good = R"({"result":"accepted","service":"web","reason":""})";
    std::string deep = R"({"result":)" + std::string(3000, '[');
    const std::vector<std::string> wrong = {
        "",
        "\n",
        good,
        good + "\n" + good + "\n",
        good + "\n\n",
        "\n" + good + "\n",
        good + " x\n",
        "null\n",
        "[]\n",
        "{}\n",
        R"({"result":"accepted","service":"web"})"
        "\n",
        R"({"result":"accepted","service":"","reason":""})"
        "\n",
        R"({"result":"accepted","service":"web","reason":"but"})"
        "\n",
        R"({"result":"accepted","service":7,"reason":""})"
        "\n",
        R"({"result":"done","service":"web","reason":""})"
        "\n",
        R"({"result":"failed","service":"web","reason":""})"
        "\n",
        R"({"result":"accepted","service":"web","reason":"","more":1})"
        "\n",
        "{\"result\":\"accepted\",\"service\":\"\xff\",\"reason\":\"\"}\n",
        R"({"result":"accepted","reason":"","service":")" + std::string(300, 'a') + "\"}\n",
        deep + "\n",
        std::string(4095, ' ') + "\n",
        "free(): invalid pointer\n"};
    for (const auto& output : wrong) {
        const auto answer = read_monit_answer(wrote(output));
        ASSERT_FALSE(answer.result.ok()) << output;
        EXPECT_EQ(answer.result.error().message, "the helper sockdog-monit gave no proper answer");
        EXPECT_EQ(answer.service, "");
    }
}

TEST(MonitAnswer, IsNoneOfAHelperThatDidNotEndWell) {
    ChildEnd end = wrote(R"({"result":"accepted","service":"web","reason":""})"
                         "\n");
    end.status = 1;
    EXPECT_THAT(read_monit_answer(end).result.error().message, HasSubstr("status 1"));
    end.status = 11;
    end.signalled = true;
    EXPECT_THAT(read_monit_answer(end).result.error().message, HasSubstr("signal 11 (SIGSEGV)"));
    end.timed_out = true;
    EXPECT_THAT(read_monit_answer(end).result.error().message, HasSubstr("did not end in time"));
}

TEST(MonitCredentials, AreOneLineThatNotEverybodyMayRead) {
    const TempDir folder;
    const auto read = [&](const std::string& content, mode_t mode = 0600) {
        const std::string file = folder.put("file", content);
        ::chmod(file.c_str(), mode);
        return read_monit_credentials(file);
    };
    const auto good = read("vcap:se:sa me\r\n");
    ASSERT_TRUE(good.ok()) << good.error().message;
    EXPECT_EQ(good->user, "vcap");
    EXPECT_EQ(good->password, "se:sa me");
    EXPECT_TRUE(read("vcap:x", 0640).ok());
    EXPECT_EQ(read_monit_credentials("")->user, "");
    for (const mode_t mode : {0604U, 0644U, 0602U})
        EXPECT_THAT(read("vcap:x", mode).error().message, HasSubstr("by everybody; chmod 0600"));
    for (const std::string content : {"", "vcap", ":x", "a:b\nc:d\n", "a:b\x01"})
        EXPECT_THAT(read(content).error().message, HasSubstr("not one line \"user:password\"")) << content;
    EXPECT_FALSE(read(std::string("a:\0b", 4)).ok());
    EXPECT_THAT(read("a:" + std::string(2000, 'b')).error().message, HasSubstr("longer than 1 KiB"));
    EXPECT_THAT(read_monit_credentials(folder / "none").error().message, HasSubstr("No such file"));
    EXPECT_THAT(read_monit_credentials(folder.path()).error().message, HasSubstr("no regular file"));
    EXPECT_THAT(monit_request({}, {"a", "\xff"}, {1}).error().message, HasSubstr("not UTF-8"));
}

TEST(MonitUrl, IsOnlyOfThisHost) {
    for (const auto* url : {"http://127.0.0.1:2812", "http://127.8.9.10:1", "http://[::1]:65535",
                            "http://localhost:2822", "unix:/run/monit.sock"}) {
        EXPECT_TRUE(is_monit_url(url)) << url;
    }
    const std::string long_path = "unix:/" + std::string(120, 'a');
    for (const std::string url : {"",
                                  "http://",
                                  "127.0.0.1:2812",
                                  "https://127.0.0.1:2812",
                                  "http://127.0.0.1",
                                  "http://127.0.0.1:",
                                  "http://127.0.0.1:0",
                                  "http://127.0.0.1:65536",
                                  "http://127.0.0.1:2812/",
                                  "http://127.0.0.1:2812?x",
                                  "http://127.0.0.1:28 12",
                                  "http://u:p@127.0.0.1:2812",
                                  "http://10.0.0.1:2812",
                                  "http://0.0.0.0:2812",
                                  "http://127.1:2812",
                                  "http://0177.0.0.1:2812",
                                  "http://2130706433:2812",
                                  "http://[::]:2812",
                                  "http://[::ffff:127.0.0.1]:2812",
                                  "http://::1:2812",
                                  "http://localhost.example.com:2812",
                                  "http://127.0.0.1.example.com:2812",
                                  "http://127.0.0.1@example.com:80",
                                  "HTTP://127.0.0.1:2812",
                                  "file:///etc/passwd",
                                  "unix:",
                                  "unix:monit.sock",
                                  "unix:/a\nb",
                                  "http://127.0.0.1:2812\n",
                                  long_path.c_str()}) {
        EXPECT_FALSE(is_monit_url(url)) << url;
    }
}

/// A /proc of one's own.
struct FakeProc {
    TempDir folder;
    void add(std::uint32_t pid, std::uint32_t parent, const std::string& comm, const std::string& executable,
             std::uint64_t start = 777) const {
        const auto path = folder.path() / std::to_string(pid);
        std::filesystem::create_directories(path);
        std::ofstream(path / "stat") << pid << " (" << comm << ") S " << parent
                                     << " 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " << start << " 0 0\n";
        std::ofstream(path / "comm") << comm << '\n';
        if (!executable.empty()) std::filesystem::create_symlink(executable, path / "exe");
    }
    [[nodiscard]] std::vector<std::uint32_t> of(std::uint32_t pid,
                                                const RemedySettings& settings = {}) const {
        const auto lineage = lineage_of(ProcRoot(folder.path()), {pid, 777}, settings);
        return lineage.ok() ? *lineage : std::vector<std::uint32_t>{};
    }
};

TEST(Lineage, EndsWhereAnAncestorDoesNotStandForTheProcess) {
    const FakeProc proc;
    proc.add(1, 0, "systemd", "/usr/lib/systemd/systemd");
    proc.add(10, 1, "bpm", "/var/vcap/packages/bpm/bin/bpm");
    proc.add(11, 10, "ru) R 1 by", "/usr/bin/ruby");  // comm is hostile
    proc.add(12, 11, "worker", "/usr/bin/ruby (deleted)");
    proc.add(20, 1, "sshd", "/usr/sbin/sshd");
    proc.add(21, 20, "bash", "/bin/bash");
    proc.add(30, 1, "monit", "/usr/bin/monit");
    proc.add(31, 30, "app", "/opt/app");
    proc.add(40, 1, "x", "/usr/bin/containerd-shim-runc-v2");
    proc.add(41, 40, "app", "/opt/app");
    proc.add(50, 1, "unreadable", "");
    proc.add(51, 50, "app", "/opt/app");
    proc.add(60, 61, "a", "/opt/a");
    proc.add(61, 60, "b", "/opt/b");
    EXPECT_THAT(proc.of(12), ElementsAre(12, 11, 10));
    EXPECT_THAT(proc.of(21), ElementsAre(21));
    EXPECT_THAT(proc.of(31), ElementsAre(31));
    EXPECT_THAT(proc.of(41), ElementsAre(41));
    EXPECT_THAT(proc.of(51), ElementsAre(51));
    EXPECT_THAT(proc.of(60), ElementsAre(60, 61));
    RemedySettings settings;
    settings.protected_executables = {"bpm"};
    EXPECT_THAT(proc.of(12, settings), ElementsAre(12, 11));
}

TEST(Lineage, IsNoneOfAProcessThatIsGone) {
    const FakeProc proc;
    proc.add(12, 1, "other", "/opt/other", 999);
    EXPECT_THAT(lineage_of(ProcRoot(proc.folder.path()), {12, 777}, {}).error().message,
                HasSubstr("pid 12 belongs to another process now"));
    EXPECT_FALSE(lineage_of(ProcRoot(proc.folder.path()), {13, 777}, {}).ok());
}

struct HelperTest : ::testing::Test {
    Loop loop;
    RemedySettings settings;
    std::optional<Result<std::string>> answer;

    std::string run(const std::string& helper, const std::function<void()>& meanwhile = {}) {
        MonitActuator actuator(
            loop.get(), [this] { return settings; }, helper);
        Incident incident = incident_of();
        const auto self = ProcRoot().identify(static_cast<std::uint32_t>(::getpid()));
        if (self) incident.latest.process = *self;
        RemedyPolicy policy = acting_policy();
        policy.action = RemedyAction::kMonitRestart;
        answer.reset();
        actuator.start(incident, policy,
                       [this](Result<std::string> result) { answer.emplace(std::move(result)); });
        if (meanwhile) meanwhile();
        if (!loop.run_until([this] { return answer.has_value(); })) return "no answer";
        return answer->ok() ? answer->value() : answer->error().message;
    }
};

TEST_F(HelperTest, IsToldThroughItsInputAndNowhereElse) {
    const TempDir folder;
    settings.monit.credentials_file = folder.put("credentials", "vcap:sesame\n");
    ::chmod(settings.monit.credentials_file.c_str(), 0600);
    settings.monit.url = "unix:/run/monit.sock";
    const std::string spy =
        folder.put("spy", "#!/bin/sh\ncat > " + (folder / "input").string() +
                              "\ntr '\\0' '\\n' < /proc/$$/environ > " + (folder / "environ").string() +
                              "\ntr '\\0' '\\n' < /proc/$$/cmdline > " + (folder / "cmdline").string() +
                              "\necho '{\"result\":\"accepted\",\"service\":\"web\",\"reason\":\"\"}'\n");
    ::chmod(spy.c_str(), 0700);
    EXPECT_EQ(run(spy), "monit accepted the restart of web");
    const auto read = [&](const char* name) {
        std::ifstream in(folder / name);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    const auto input = nlohmann::json::parse(read("input"));
    EXPECT_EQ(input["user"], "vcap");
    EXPECT_EQ(input["password"], "sesame");
    EXPECT_EQ(input["url"], "http://localhost");
    EXPECT_EQ(input["socket"], "/run/monit.sock");
    EXPECT_EQ(input["timeout_ms"], 5000);
    EXPECT_EQ(input["lineage"][0], ::getpid());
    EXPECT_THAT(read("environ") + read("cmdline"), Not(HasSubstr("sesame")));
}

TEST_F(HelperTest, ThatIsMissingOrSilentIsAFailure) {
    EXPECT_THAT(run("/no/such/helper"), HasSubstr("run /no/such/helper: No such file"));
    EXPECT_THAT(run("/bin/true"), HasSubstr("gave no proper answer"));
    EXPECT_THAT(run("/bin/false"), HasSubstr("ended with status 1"));
    settings.monit.timeout = 100ms;
    const TempDir folder;
    const std::string slow = folder.put("slow", "#!/bin/sh\nexec sleep 60\n");
    ::chmod(slow.c_str(), 0700);
    EXPECT_THAT(run(slow), HasSubstr("did not end in time"));
}

TEST_F(HelperTest, FailsInTimeWhereNobodyAnswers) {
    DroppingPort port;
    settings.monit.url = port.url();
    settings.monit.timeout = 500ms;
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(run(kHelper), HasSubstr("cannot be asked"));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
    port.close();
    EXPECT_THAT(run(kHelper), HasSubstr("cannot be asked"));
}

TEST_F(HelperTest, SpeaksWithoutAnyPrivilege) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to have privileges to give up";
    const FakeServer silent({""});
    settings.monit.url = silent.url();
    settings.monit.timeout = 1s;
    std::string status;
    (void)run(kHelper, [&] {
        // Once it has sent its request: it is waiting for the answer.
        (void)loop.run_until([&] { return !silent.requests().empty(); });
        for (const auto pid : ProcRoot().pids()) {
            const auto comm = ProcRoot().read(pid, "comm");
            const auto text = ProcRoot().read(pid, "status");
            const std::string parent = "PPid:\t" + std::to_string(::getpid()) + "\n";
            if (comm.ok() && *comm == "sockdog-monit\n" && text.ok() &&
                text->find(parent) != std::string::npos)
                status = *text;
        }
    });
    EXPECT_THAT(status,
                AllOf(HasSubstr("Uid:\t65534\t65534\t65534\t65534\n"),
                      HasSubstr("Gid:\t65534\t65534\t65534\t65534\n"), HasSubstr("Groups:\t \n"),
                      HasSubstr("CapPrm:\t0000000000000000\n"), HasSubstr("CapEff:\t0000000000000000\n"),
                      HasSubstr("CapAmb:\t0000000000000000\n"), HasSubstr("NoNewPrivs:\t1\n")));
}

}  // namespace
}  // namespace sockdog
