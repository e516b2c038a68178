// Books that are pinned: they live on without an agent, are taken up as they are, and leave nothing when
// discarded.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "command_output.h"
#include "kernel/shared.h"
#include "kernel/support.h"
#include "private_bpffs.h"
#include "probe/kept_books.h"

namespace sockdog::testing {
namespace {

namespace fs = std::filesystem;
using Fds = std::vector<UniqueFd>;

/// What bpftool says in JSON; null where there is none.
nlohmann::json bpftool(const std::string& arguments) {
    const std::string output = fixtures::output_of("bpftool -j " + arguments + " 2>/dev/null").text;
    const auto answer = nlohmann::json::parse(output, nullptr, false);
    return answer.is_discarded() ? nlohmann::json(nullptr) : answer;
}

std::vector<fs::path> everything_in(const fs::path& folder) {
    std::vector<fs::path> all;
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder, error)) all.push_back(entry.path());
    return all;
}

/// The kernel's id of the pinned program below `folder` that follows transitions; 0 where bpftool cannot
/// tell.
std::uint32_t program_in(const fs::path& folder) {
    for (const fs::path& path : everything_in(folder)) {
        if (path.filename() != "program_transition") continue;
        const nlohmann::json program = bpftool("prog show pinned " + path.string());
        if (program.is_object()) return program.value("id", 0U);
    }
    return 0;
}

/// The kernel has unloaded it: nobody has it, and nothing that is attached.
bool is_gone(std::uint32_t id) {
    return eventually([&] {
        const nlohmann::json program = bpftool("prog show id " + std::to_string(id));
        return !program.is_object() || program.value("id", 0U) != id;
    });
}

/// This process as a server, and a client of it, between whom sockets come and go.
class Traffic {
  public:
    static constexpr std::uint32_t kRounds = 8, kOpened = 7, kClosed = 2, kLeft = 4;

    Traffic() : server_(listen_on_loopback()), client_({kRounds, [this] { run_client(); }}) {}

    /// The client opens kOpened connections and closes kClosed of them; the server closes kLeft others, which
    /// the client keeps in CLOSE_WAIT.
    void round() {
        client_.begin();
        Fds accepted;
        for (std::uint32_t i = 0; i < kOpened; i++) accepted.push_back(accept_from(server_));
        client_.finish();
        for (std::uint32_t i = kClosed + kLeft; i < kOpened; i++) kept_.push_back(std::move(accepted[i]));
        rounds_++;
    }
    [[nodiscard]] ProcessId client() const { return client_.id(); }
    void end_client() { client_.kill(); }

    /// The books say of the client what is true of it.
    void expect_exact(const Books& books) const {
        EXPECT_TRUE(
            eventually([&] { return count_of(books, client(), TcpState::kCloseWait) == rounds_ * kLeft; }));
        const auto gauges = books.gauges_of(client());
        ASSERT_TRUE(gauges);
        EXPECT_EQ(gauges->in(TcpState::kCloseWait), rounds_ * kLeft);
        EXPECT_EQ(gauges->in(TcpState::kEstablished), rounds_ * (kOpened - kLeft - kClosed));
        EXPECT_EQ(gauges->total(), rounds_ * (kOpened - kClosed));
        EXPECT_EQ(gauges->opened, rounds_ * kOpened);
        EXPECT_EQ(gauges->peer_closed_first, rounds_ * kLeft);
        EXPECT_EQ(gauges->closed, rounds_ * kClosed);
    }

  private:
    void run_client() {
        for (std::uint32_t i = 0; i < kOpened; i++) {
            UniqueFd ours = connect_to(server_.port);
            // With a reset, since a FIN would leave the socket to the kernel for a while.
            if (i < kClosed)
                close_with_reset(std::move(ours));
            else
                kept_.push_back(std::move(ours));
        }
    }

    std::uint32_t rounds_ = 0;
    Listener server_;
    Fds kept_;  // of either, each has its own copy
    Actor client_;
};

/// An agent of its own, to be killed.
class Agent {
  public:
    explicit Agent(const BooksOptions& options)
        : process_({[options, this] {
              auto books = Books::open(options);
              if (books) books_ = std::move(books).value();
          }}) {
        process_.step();
    }
    void kill() { process_.kill(); }

  private:
    std::unique_ptr<Books> books_;  // of the child
    Actor process_;
};

class PinnedBooks : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!bpffs_.problem().empty()) GTEST_SKIP() << bpffs_.problem();
    }
    [[nodiscard]] BooksOptions pinned() const {
        return {.max_sockets = 65536,
                .max_processes = 1024,
                .wake_limit = 3,
                .pin_directory = bpffs_.directory()};
    }

    const fixtures::PrivateBpffs bpffs_;
};

TEST_F(PinnedBooks, CountOnWhenTheirAgentIsKilledAndAreTakenUpAsTheyAre) {
    Traffic traffic;
    Agent agent(pinned());
    traffic.round();
    const MonoTime killed = MonoClock::now();
    agent.kill();
    std::this_thread::sleep_for(50ms);
    traffic.round();
    const MonoTime opened = MonoClock::now();
    std::this_thread::sleep_for(50ms);

    OPEN_BOOKS_OR_SKIP(books, pinned());
    EXPECT_TRUE(books.keeping().taken_over);
    EXPECT_FALSE(books.keeping().replaced);
    EXPECT_EQ(books.keeping().why_not, "");
    EXPECT_LT(books.since(), killed) << "the moment they were first opened";
    traffic.expect_exact(books);
    traffic.round();
    traffic.expect_exact(books);
    ASSERT_TRUE(books.sweep());
    ASSERT_TRUE(books.reconcile(Duration::zero()));
    ASSERT_TRUE(books.reconcile(Duration::zero()));
    traffic.expect_exact(books);

    const auto sockets = books.walk({.owner = traffic.client()});
    ASSERT_TRUE(sockets);
    std::uint32_t before = 0, without = 0, after = 0;
    for (const SocketRecord& socket : *sockets) {
        if (socket.state != TcpState::kCloseWait) continue;
        ASSERT_TRUE(socket.state_since && socket.opened);
        EXPECT_GT(*socket.state_since, books.since());
        EXPECT_EQ(socket.role, SocketRole::kOpened);
        (*socket.state_since < killed ? before : *socket.state_since < opened ? without : after)++;
    }
    EXPECT_EQ(before, Traffic::kLeft);
    EXPECT_EQ(without, Traffic::kLeft) << "from the time when no agent was there";
    EXPECT_EQ(after, Traffic::kLeft);
    const LossCounters losses = books.losses();
    EXPECT_EQ(losses.lost(), 0U);
    EXPECT_EQ(losses.drift_corrected, 0U);
    EXPECT_EQ(losses.state_repaired, 0U);
}

TEST_F(PinnedBooks, TellTheNextAgentWhatHappenedWithoutOne) {
    Traffic traffic;
    Agent agent(pinned());
    agent.kill();
    traffic.round();  // crosses the limit of three in CLOSE_WAIT

    OPEN_BOOKS_OR_SKIP(books, pinned());
    std::vector<KernelEvent> events;
    books.drain_notices([&](const KernelEvent& event) {
        if (event.process == traffic.client()) events.push_back(event);
    });
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, KernelEvent::Kind::kCloseWaitLimit);
}

TEST_F(PinnedBooks, ForgetAProcessThatEndedWithoutAnAgentAndKeepItsCounters) {
    Traffic traffic;
    Agent agent(pinned());
    traffic.round();
    agent.kill();
    traffic.end_client();

    Gauges totals;
    for (int restart = 0; restart < 2; restart++) {
        OPEN_BOOKS_OR_SKIP(books, pinned());
        const MonoTime now = MonoClock::now();
        const auto is_alive = [&](ProcessId process) { return process != traffic.client(); };
        if (restart == 0) {
            ASSERT_TRUE(eventually([&] { return books.gauges_of(traffic.client())->total() == 0; }));
            totals = books.totals();
            books.release_ended(now, is_alive);
            books.release_ended(now + 61s, is_alive);
        }
        EXPECT_FALSE(books.gauges_of(traffic.client()));
        EXPECT_GE(books.totals().opened, totals.opened);
        EXPECT_GE(books.totals().closed, totals.closed);
        EXPECT_GE(books.totals().peer_closed_first, totals.peer_closed_first);
    }
}

TEST_F(PinnedBooks, KeepWhatTheAgentNotedAndFollowNobodyAnyMore) {
    Traffic traffic;
    const BookNotes notes{.told = {.record_refused = 1,
                                   .gauge_full = 2,
                                   .event_dropped = 3,
                                   .trace_dropped = 4,
                                   .cas_exhausted = 5,
                                   .recursion_missed = 6,
                                   .state_repaired = 7,
                                   .phantom_removed = 8,
                                   .drift_corrected = 9},
                          .lost_at = MonoTime(123s)};
    {
        OPEN_BOOKS_OR_SKIP(books, pinned());
        EXPECT_FALSE(books.notes().lost_at);
        books.note(notes);
        traffic.round();
        books.trace({}, true);
        books.trace(traffic.client(), true);
    }
    OPEN_BOOKS_OR_SKIP(books, pinned());
    EXPECT_EQ(books.notes().lost_at, notes.lost_at);
    EXPECT_EQ(books.notes().told.record_refused, 1U);
    EXPECT_EQ(books.notes().told.gauge_full, 2U);
    EXPECT_EQ(books.notes().told.event_dropped, 3U);
    EXPECT_EQ(books.notes().told.trace_dropped, 4U);
    EXPECT_EQ(books.notes().told.cas_exhausted, 5U);
    EXPECT_EQ(books.notes().told.recursion_missed, 6U);
    EXPECT_EQ(books.notes().told.state_repaired, 7U);
    EXPECT_EQ(books.notes().told.phantom_removed, 8U);
    EXPECT_EQ(books.notes().told.drift_corrected, 9U);

    // What was followed for somebody who is gone is followed no more.
    traffic.round();
    std::uint32_t traced = 0;
    books.drain_traces([&](const TraceEvent&) { traced++; });
    EXPECT_EQ(traced, 0U);
}

TEST_F(PinnedBooks, DoNotTakeASweepOfTheLastAgentForOneOfThis) {
    const Traffic traffic;  // its client has inherited the listener
    { OPEN_BOOKS_OR_SKIP(books, pinned()); }
    OPEN_BOOKS_OR_SKIP(books, pinned());
    const auto sockets = books.walk({.owner = self()});
    ASSERT_TRUE(sockets);
    ASSERT_EQ(sockets->size(), 1U);
    EXPECT_EQ(sockets->front().holders, 2U);
}

TEST_F(PinnedBooks, OfAnotherLayoutAreRemovedAndTheirProgramsDetached) {
    Traffic traffic;
    fs::path old_folder;
    std::uint32_t old_program = 0;
    MonoTime old_since{};
    {
        OPEN_BOOKS_OR_SKIP(books, pinned());
        old_folder = books.keeping().pinned_at;
        old_program = program_in(old_folder);
        old_since = books.since();
        traffic.round();
    }
    BooksOptions larger = pinned();
    larger.max_sockets *= 2;
    OPEN_BOOKS_OR_SKIP(books, larger);
    EXPECT_FALSE(books.keeping().taken_over);
    EXPECT_NE(books.keeping().pinned_at, old_folder);
    EXPECT_FALSE(fs::exists(old_folder));
    EXPECT_GT(books.since(), old_since);
    EXPECT_EQ(books.gauges_of(traffic.client())->opened, 0U);
    EXPECT_EQ(books.gauges_of(traffic.client())->total(), Traffic::kOpened - Traffic::kClosed);
    if (old_program == 0) GTEST_SKIP() << "needs bpftool to see which programs there are";
    EXPECT_TRUE(is_gone(old_program));
}

TEST_F(PinnedBooks, OfOtherProgramsAreTakenUpAndNothingIsCountedTwice) {
    Traffic traffic;
    fs::path folder;
    MonoTime since{};
    {
        OPEN_BOOKS_OR_SKIP(books, pinned());
        folder = books.keeping().pinned_at;
        since = books.since();
        traffic.round();
    }
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().filename().string().starts_with("programs_"))
            fs::rename(entry.path(), folder / "programs_of_another_version");
    traffic.round();
    const std::uint32_t old_program = program_in(folder);
    OPEN_BOOKS_OR_SKIP(books, pinned());
    EXPECT_TRUE(books.keeping().taken_over);
    EXPECT_TRUE(books.keeping().replaced);
    EXPECT_EQ(books.since(), since);
    EXPECT_FALSE(fs::exists(folder / "programs_of_another_version"));
    traffic.round();
    traffic.expect_exact(books);
    EXPECT_EQ(books.losses().lost(), 0U);
    if (old_program == 0) GTEST_SKIP() << "needs bpftool to see which programs there are";
    EXPECT_NE(program_in(folder), old_program);
    EXPECT_TRUE(is_gone(old_program));
}

TEST_F(PinnedBooks, AreSoundAgainAfterProgramsWereReplacedUnderLoad) {
    struct Board {
        std::atomic<bool> stop;
    };
    const Shared<Board> board;
    const Listener listener = listen_on_loopback();
    Fds kept;
    Actor load({[&] {
        while (!board->stop) {
            if (kept.size() > 500) kept.clear();
            kept.push_back(connect_to(listener.port));
            accept_from(listener).reset();
        }
    }});
    fs::path folder;
    {
        OPEN_BOOKS_OR_SKIP(books, pinned());
        folder = books.keeping().pinned_at;
    }
    load.begin();
    for (int round = 0; round < 3; round++) {
        for (const auto& entry : fs::directory_iterator(folder))
            if (entry.path().filename().string().starts_with("programs_"))
                fs::rename(entry.path(), folder / "programs_of_another_version");
        OPEN_BOOKS_OR_SKIP(books, pinned());
        EXPECT_TRUE(books.keeping().replaced);
        std::this_thread::sleep_for(100ms);
    }
    board->stop = true;
    load.finish();
    std::this_thread::sleep_for(1100ms);  // quiet, in the books' terms

    OPEN_BOOKS_OR_SKIP(books, pinned());
    ASSERT_TRUE(books.sweep());
    ASSERT_TRUE(books.reconcile());
    const std::uint64_t drift = books.losses().drift_corrected;
    EXPECT_EQ(drift, 0U) << "gauges are the sum of the records, whatever went by";
    const auto sockets = books.walk({.owner = load.id()});
    ASSERT_TRUE(sockets);
    Gauges truth;
    for (const SocketRecord& socket : *sockets) truth.sockets[static_cast<std::size_t>(socket.state)]++;
    EXPECT_GT(truth.in(TcpState::kCloseWait), 0U);
    EXPECT_EQ(books.gauges_of(load.id())->sockets, truth.sockets);
}

TEST_F(PinnedBooks, AreKeptByOneAgentOnlyAndTheSecondIsTold) {
    OPEN_BOOKS_OR_SKIP(first, pinned());
    EXPECT_EQ(fs::path(first.keeping().pinned_at).parent_path(), bpffs_.directory());
    OPEN_BOOKS_OR_SKIP(second, pinned());
    EXPECT_EQ(second.keeping().pinned_at, "");
    EXPECT_NE(second.keeping().why_not.find("another sockdogd"), std::string::npos)
        << second.keeping().why_not;
    EXPECT_EQ(can_keep_books(bpffs_.directory()).error().code, EWOULDBLOCK);
    EXPECT_EQ(discard_books(bpffs_.directory()).error().code, EWOULDBLOCK);
    Traffic traffic;
    traffic.round();
    traffic.expect_exact(first);
    traffic.expect_exact(second);
}

TEST_F(PinnedBooks, LeaveNothingBehindWhenDiscarded) {
    std::uint32_t program = 0;
    {
        OPEN_BOOKS_OR_SKIP(books, pinned());
        program = program_in(books.keeping().pinned_at);
        EXPECT_GT(everything_in(books.keeping().pinned_at).size(), 10U);
        books.discard();
        EXPECT_EQ(books.keeping().pinned_at, "");
    }
    for (const fs::path& left : everything_in(bpffs_.directory()))
        EXPECT_TRUE(fs::is_directory(left)) << left;
    EXPECT_TRUE(program == 0 || is_gone(program));

    std::size_t programs = 3;
    {
        OPEN_BOOKS_OR_SKIP(books, pinned());
        program = program_in(books.keeping().pinned_at);
        for (const Capability& part : books.capabilities()) programs += part.name.ends_with("_again") ? 1 : 0;
    }
    const auto discarded = discard_books(bpffs_.directory());
    ASSERT_TRUE(discarded) << discarded.error().message;
    EXPECT_EQ(discarded->folders, 1U);
    EXPECT_EQ(discarded->programs, programs);
    EXPECT_EQ(discarded->maps, 12U);
    EXPECT_FALSE(fs::exists(bpffs_.directory()));
    EXPECT_TRUE(program == 0 || is_gone(program));
    EXPECT_TRUE(discard_books(bpffs_.directory())->nothing());
}

TEST_F(PinnedBooks, BeginAnewWhereAMapIsMissing) {
    Traffic traffic;
    fs::path folder;
    {
        OPEN_BOOKS_OR_SKIP(books, pinned());
        folder = books.keeping().pinned_at;
        traffic.round();
    }
    ASSERT_TRUE(fs::remove(folder / "map_gauges"));
    OPEN_BOOKS_OR_SKIP(books, pinned());
    EXPECT_FALSE(books.keeping().taken_over);
    EXPECT_EQ(books.gauges_of(traffic.client())->total(), Traffic::kOpened - Traffic::kClosed);
    traffic.round();
    EXPECT_EQ(books.gauges_of(traffic.client())->opened, Traffic::kOpened) << "by one program, not by two";
}

TEST_F(PinnedBooks, AreNotPinnedOutsideABpfFileSystemAndSayWhatToDo) {
    const fixtures::TempDir folder;
    OPEN_BOOKS_OR_SKIP(books, {.pin_directory = folder / "sockdog"});
    EXPECT_EQ(books.keeping().pinned_at, "");
    EXPECT_NE(books.keeping().why_not.find("mount -t bpf"), std::string::npos) << books.keeping().why_not;
    EXPECT_FALSE(fs::exists(folder / "sockdog"));
    EXPECT_EQ(can_keep_books(folder / "sockdog").error().code, ENOTSUP);
    EXPECT_TRUE(discard_books(folder / "sockdog")->nothing());
    Traffic traffic;
    traffic.round();
    traffic.expect_exact(books);
}

TEST_F(PinnedBooks, AreNotPinnedWhereBpffsIsReadOnly) {
    ASSERT_EQ(
        mount(nullptr, bpffs_.directory().parent_path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr),
        0);
    OPEN_BOOKS_OR_SKIP(books, pinned());
    EXPECT_EQ(books.keeping().pinned_at, "");
    EXPECT_NE(books.keeping().why_not.find("ReadWritePaths"), std::string::npos) << books.keeping().why_not;
    EXPECT_FALSE(can_keep_books(bpffs_.directory()));
}

}  // namespace
}  // namespace sockdog::testing
