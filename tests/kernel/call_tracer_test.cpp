// Call sites of real processes on the real kernel.
#include "probe/call_tracer.h"

#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "kernel/support.h"

namespace sockdog::testing {
namespace {

struct Seen {
    std::vector<CallStack> stacks;
    std::vector<FollowEvent> follows;
};

class CallTracerTest : public ::testing::Test {
  protected:
    void drain(CallTracer& tracer) {
        tracer.drain([this](CallStack stack) { seen_.stacks.push_back(std::move(stack)); },
                     [this](const FollowEvent& event) { seen_.follows.push_back(event); });
    }
    std::set<std::uint64_t> call_sites_of(Books& books, ProcessId process) {
        std::set<std::uint64_t> sites;
        const auto sockets = books.walk(WalkFilter{.owner = process});
        if (sockets)
            for (const SocketRecord& socket : *sockets) sites.insert(socket.call_site);
        return sites;
    }
    RuntimeLayout native(std::uint32_t flags) {
        RuntimeLayout layout{};
        layout.kind = SOCKDOG_RUNTIME_NATIVE;
        layout.flags = flags;
        return layout;
    }
    Seen seen_;
};

TEST_F(CallTracerTest, TellsACallSiteOnceAndMarksEverySocketOfIt) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    auto tracer = CallTracer::open(books, CallTracerOptions{});
    ASSERT_TRUE(tracer) << tracer.error().message;
    const Listener listener = listen_on_loopback();
    std::vector<UniqueFd> held;
    Actor client({[&] { held.push_back(connect_to(listener.port)); },
                  [&] {
                      for (int i = 0; i < 20; i++) held.push_back(connect_to(listener.port));
                  }});
    client.step();
    EXPECT_EQ(call_sites_of(books, client.id()), std::set<std::uint64_t>{0}) << "not watched yet";
    ASSERT_TRUE((*tracer)->watch(client.id(), native(0)));
    client.step();
    drain(**tracer);
    ASSERT_EQ(seen_.stacks.size(), 1U);
    EXPECT_EQ(seen_.stacks[0].process, client.id());
    EXPECT_GT(seen_.stacks[0].native.size(), 1U);
    EXPECT_EQ(call_sites_of(books, client.id()), (std::set<std::uint64_t>{0, seen_.stacks[0].id}));
    EXPECT_EQ((*tracer)->losses().captured, 20U);
}

TEST_F(CallTracerTest, TellsOfAnExecWhereNobodyFollows) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    auto tracer = CallTracer::open(books, CallTracerOptions{});
    ASSERT_TRUE(tracer) << tracer.error().message;
    Actor other({[] { execl("/bin/sleep", "sleep", "60", nullptr); }});
    Actor client({[] { execl("/bin/sleep", "sleep", "60", nullptr); }});
    ASSERT_TRUE((*tracer)->watch(client.id(), native(SOCKDOG_RUNTIME_COPY_STACK)));
    other.begin();
    client.begin();
    EXPECT_TRUE(eventually([&] {
        drain(**tracer);
        return !seen_.follows.empty();
    }));
    ASSERT_EQ(seen_.follows.size(), 1U);
    EXPECT_EQ(seen_.follows[0].kind, FollowEvent::Kind::kExec);
    EXPECT_EQ(seen_.follows[0].process, client.id());
    EXPECT_TRUE((*tracer)->watches(client.id()));
    other.kill();
    client.kill();
}

TEST_F(CallTracerTest, FollowsChildrenUntilTheyEnd) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    auto tracer = CallTracer::open(books, CallTracerOptions{});
    ASSERT_TRUE(tracer) << tracer.error().message;
    Actor parent({[] {
        const pid_t child = fork();
        if (child == 0) {
            execlp("false", "false", nullptr);
            _exit(9);
        }
        waitpid(child, nullptr, 0);
    }});
    ASSERT_TRUE((*tracer)->watch(parent.id(), native(SOCKDOG_RUNTIME_FOLLOW)));
    parent.step();
    drain(**tracer);
    ASSERT_EQ(seen_.follows.size(), 3U);
    EXPECT_EQ(seen_.follows[0].kind, FollowEvent::Kind::kFork);
    EXPECT_EQ(seen_.follows[0].parent_pid, parent.id().pid);
    EXPECT_EQ(seen_.follows[1].kind, FollowEvent::Kind::kExec);
    EXPECT_EQ(seen_.follows[1].comm, "false");
    EXPECT_EQ(seen_.follows[2].kind, FollowEvent::Kind::kExit);
    EXPECT_EQ(WEXITSTATUS(seen_.follows[2].wait_status), 1);
    EXPECT_EQ(seen_.follows[2].process, seen_.follows[0].process);
    EXPECT_FALSE((*tracer)->watches(seen_.follows[0].process));
    (*tracer)->unwatch(parent.id());
    EXPECT_FALSE((*tracer)->watches(parent.id()));
}

}  // namespace
}  // namespace sockdog::testing
