// Gauges of processes: given at first sight, named whatever the name is, taken back and given again clean.
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "kernel/support.h"

namespace sockdog::testing {
namespace {

using Fds = std::vector<UniqueFd>;

bool all_alive(ProcessId /*process*/) {
    return true;
}

TEST(Slots, AreTakenBackAMinuteAfterTheEndAndTheCountersStayInTheTotals) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    Listener listener;
    Fds fds;
    Actor worker({[&] {
        listener = listen_on_loopback();
        for (int i = 0; i < 4; i++) fds.push_back(connect_to(listener.port));
    }});
    worker.step();
    const Gauges totals = books.totals();
    worker.kill();

    std::vector<KernelEvent> exits;
    ASSERT_TRUE(eventually([&] {
        books.drain_notices([&](const KernelEvent& event) {
            if (event.process == worker.id()) exits.push_back(event);
        });
        return !exits.empty();
    })) << "notices that wake nobody still arrive";
    ASSERT_EQ(exits.size(), 1U);
    EXPECT_EQ(exits[0].kind, KernelEvent::Kind::kProcessExit);
    ASSERT_TRUE(eventually([&] { return books.gauges_of(worker.id())->total() == 0; }));

    books.release_ended(exits[0].at + 30s, all_alive);
    EXPECT_TRUE(books.gauges_of(worker.id())) << "a softirq may still be on its way";
    const std::uint32_t processes = books.process_count();
    books.release_ended(exits[0].at + 2min, all_alive);
    EXPECT_FALSE(books.gauges_of(worker.id()));
    EXPECT_EQ(books.process_count(), processes - 1);
    EXPECT_GE(books.totals().opened, totals.opened);
    EXPECT_GE(books.totals().closed, totals.closed + 9);
}

TEST(Slots, AreReleasedWithoutANoticeWhenTheProcessIsFoundGone) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    Listener listener;
    Actor worker({[&] { listener = listen_on_loopback(); }});
    worker.step();
    worker.kill();  // and nobody drains the notices
    ASSERT_TRUE(eventually([&] { return books.gauges_of(worker.id())->total() == 0; }));
    const auto is_alive = [&](ProcessId process) { return process != worker.id(); };
    const MonoTime now = MonoClock::now() + 1h;
    books.release_ended(now, is_alive);
    books.release_ended(now + 2min, is_alive);
    EXPECT_FALSE(books.gauges_of(worker.id()));
}

TEST(Slots, AreGivenAgainCleanSoThatFewServeManyProcesses) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{.max_processes = 256});
    const auto room = 256 - static_cast<int>(books.process_count());
    ASSERT_GT(room, 8) << "too many other processes with sockets on this host";
    const int rounds = 2 * room;
    MonoTime now = MonoClock::now();
    for (int round = 0; round < rounds; round++) {
        Listener listener;
        Fds fds;
        Actor worker({[&] {
            listener = listen_on_loopback();
            fds.push_back(connect_to(listener.port));
        }});
        worker.step();
        const auto gauges = books.gauges_of(worker.id());
        ASSERT_TRUE(gauges) << "round " << round;
        ASSERT_EQ(gauges->opened, 1U) << "round " << round;
        ASSERT_EQ(gauges->accepted, 1U);
        ASSERT_EQ(gauges->closed, 0U);
        ASSERT_EQ(gauges->in(TcpState::kEstablished), 2U);
        ASSERT_EQ(gauges->total(), 3U);
        worker.kill();
        ASSERT_TRUE(eventually([&] {
            books.drain_notices([](const KernelEvent&) {});
            now += 1min;
            books.release_ended(now, all_alive);
            return !books.gauges_of(worker.id());
        })) << "round "
            << round;
    }
    EXPECT_EQ(books.losses().gauge_full, 0U);
    EXPECT_EQ(books.losses().lost(), 0U);
}

TEST(Slots, RunOutIsCountedAndTheSocketsAreNobodys) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{.max_processes = 2});
    Listener listener;
    Actor one({[&] { listener = listen_on_loopback(); }});
    Actor two({[&] { listener = listen_on_loopback(); }});
    const std::uint32_t before = count_of(books, ProcessId{}, TcpState::kListen);
    one.step();
    two.step();
    EXPECT_GE(books.losses().gauge_full, 1U);
    EXPECT_GE(count_of(books, ProcessId{}, TcpState::kListen), before + 1);
    EXPECT_LE(books.process_count(), 1U);
}

TEST(Slots, CarryNamesThatAreHostile) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    const std::vector<std::string> names = {"a\nb",    "\xff\xfe\xff", "\x1b[2J",         "\"};rm -rf",
                                            ") S 1 (", "%s%n%n",       "exactly15bytes!", " "};
    for (const std::string& name : names) {
        Listener listener;
        Actor worker({[&] {
            prctl(PR_SET_NAME, name.c_str());
            listener = listen_on_loopback();
        }});
        worker.step();
        const auto samples = books.gauges();
        const auto found = std::find_if(samples.begin(), samples.end(), [&](const GaugeSample& sample) {
            return sample.process == worker.id();
        });
        ASSERT_NE(found, samples.end()) << name;
        EXPECT_EQ(found->comm, name);
        EXPECT_EQ(found->gauges.in(TcpState::kListen), 1U);
        worker.kill();
        std::string last_words;
        EXPECT_TRUE(eventually([&] {
            books.drain_notices([&](const KernelEvent& event) {
                if (event.process == worker.id()) last_words = event.comm;
            });
            return last_words == name;
        })) << name;
    }
}

}  // namespace
}  // namespace sockdog::testing
