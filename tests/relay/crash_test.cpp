// A relay that is killed at any moment neither loses an alert nor changes its key. The relay is this program
// again, in a process of its own: a test that is disabled but for the parent that asks for it.

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "base/unique_fd.h"
#include "relay/dispatcher.h"
#include "relay/fake_agent.h"
#include "relay/fake_receiver.h"
#include "relay/revisions.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

constexpr const char* kFolder = "SOCKDOG_RELAY_TEST_FOLDER";
constexpr const char* kUrl = "SOCKDOG_RELAY_TEST_URL";
constexpr std::uint64_t kRounds = 12;
constexpr std::uint64_t kRevisionsARound = 10;
constexpr std::uint64_t kIncidents = 4;

TEST(RelayChild, DISABLED_RunsUntilItIsKilled) {
    const char* folder = std::getenv(kFolder);
    const char* url = std::getenv(kUrl);
    if (folder == nullptr || url == nullptr) GTEST_SKIP() << "only for the test below";
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    RelaySettings settings;
    settings.control_socket = std::string(folder) + "/control";
    settings.outbox_file = std::string(folder) + "/outbox.db";
    settings.machine_id_file = std::string(folder) + "/machine-id";
    ReceiverSettings receiver;
    receiver.name = "a";
    receiver.url = url;
    receiver.timeout = 30s;
    receiver.backoff_initial = 5ms;
    receiver.backoff_max = 20ms;
    settings.receivers = {receiver};
    settings.flap.openings = 0;
    const auto dispatcher = Dispatcher::create(settings);
    ASSERT_TRUE(dispatcher.ok()) << dispatcher.error().message;
    const UniqueFd never(::eventfd(0, EFD_CLOEXEC));
    ASSERT_TRUE((*dispatcher)->run(never.get()).ok());
}

class Child {
  public:
    Child(const std::string& folder, const std::string& url) {
        const std::string folder_entry = std::string(kFolder) + "=" + folder;
        const std::string url_entry = std::string(kUrl) + "=" + url;
        std::string name = "relay_test";
        std::string filter = "--gtest_filter=RelayChild.*";
        std::string disabled = "--gtest_also_run_disabled_tests";
        std::vector<char*> arguments{name.data(), filter.data(), disabled.data(), nullptr};
        std::vector<std::string> entries{folder_entry, url_entry};
        std::vector<char*> environment;
        std::transform(entries.begin(), entries.end(), std::back_inserter(environment),
                       [](std::string& entry) { return entry.data(); });
        for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
        environment.push_back(nullptr);
        if (::posix_spawn(&pid_, "/proc/self/exe", nullptr, nullptr, arguments.data(), environment.data()) !=
            0) {
            pid_ = -1;
        }
    }
    ~Child() { kill(); }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    /// How it ended: SIGKILL unless it had ended by itself.
    int kill() {
        if (pid_ <= 0) return -1;
        int status = 0;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
    }

  private:
    pid_t pid_ = -1;
};

/// First arrivals of each incident, and all keys of each revision.
struct Arrivals {
    std::map<std::string, std::vector<std::uint64_t>> by_incident;
    std::map<std::uint64_t, std::set<std::string>> keys;

    explicit Arrivals(const std::vector<test::Received>& all) {
        for (const test::Received& one : all) {
            const auto body = nlohmann::json::parse(one.body);
            const auto number = body.at("revision").get<std::uint64_t>();
            if (keys[number].empty()) by_incident[body.at("incident").at("id")].push_back(number);
            keys[number].insert(one.header("Idempotency-Key"));
            keys[number].insert(body.at("idempotency_key"));
        }
    }
};

TEST(RelayCrash, KilledAtAnyMomentLosesNothingAndRepeatsUnderTheSameKey) {
    const fixtures::TempDir folder;
    (void)folder.put("machine-id", "0123456789abcdef0123456789abcdef\n");
    test::FakeAgent agent(folder / "control");
    test::FakeReceiver server(
        [](std::size_t n, const auto&) { return test::Answer{n % 7 == 3 ? 503 : 200}; });
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::minstd_rand random(seed);

    std::uint64_t number = 0;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
        for (std::uint64_t i = 0; i < kRevisionsARound; ++i) {
            ++number;
            agent.add(test::make_revision(number, "i" + std::to_string(number % kIncidents)));
        }
        const std::size_t calls = agent.calls();
        Child child((folder / "").string(), server.url());
        ASSERT_TRUE(test::eventually([&] { return agent.calls() > calls; }));
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 40'000));
        ASSERT_EQ(child.kill(), SIGKILL) << "it ended by itself";
    }
    const Child last((folder / "").string(), server.url());
    ASSERT_TRUE(test::eventually([&] { return Arrivals(server.received()).keys.size() == number; }));

    const Arrivals arrivals(server.received());
    for (const auto& [revision, keys] : arrivals.keys) EXPECT_EQ(keys.size(), 1U) << revision;
    for (const auto& [incident, order] : arrivals.by_incident) {
        EXPECT_TRUE(std::is_sorted(order.begin(), order.end())) << incident;
        EXPECT_EQ(order.size(), number / kIncidents) << incident;
    }
}

}  // namespace
}  // namespace sockdog
