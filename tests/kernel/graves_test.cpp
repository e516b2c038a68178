// Records of ended sockets stay as graves for the next socket at the address: they may neither fill the books
// nor ever make a count wrong.
#include <atomic>
#include <thread>

#include "kernel/support.h"

namespace sockdog::testing {
namespace {

constexpr int kConnections = 20'000;

void connect_and_reset(const Listener& listener) {
    UniqueFd client = connect_to(listener.port);
    const UniqueFd served = accept_from(listener);
    close_with_reset(std::move(client));
}

TEST(Graves, AreTakenUpByTheNextSocketAtTheirAddress) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{.max_sockets = 512, .max_processes = 64});
    const Listener listener = listen_on_loopback();
    for (int i = 0; i < kConnections; i++) connect_and_reset(listener);
    EXPECT_EQ(books.losses().record_refused, 0U) << "room for 512 records was enough for 40,000 sockets";
    EXPECT_EQ(books.gauges_of(self())->opened, static_cast<std::uint64_t>(kConnections));
    EXPECT_TRUE(eventually([&] { return books.gauges_of(self())->total() == 1; })) << "the listener";
}

TEST(Graves, ShowInNoList) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    const Listener listener = listen_on_loopback();
    for (int i = 0; i < 100; i++) connect_and_reset(listener);
    ASSERT_TRUE(eventually([&] { return books.gauges_of(self())->total() == 1; }));
    const auto sockets = books.walk({.owner = self()});
    ASSERT_TRUE(sockets) << sockets.error().message;
    EXPECT_EQ(sockets->size(), 1U) << "the listener";
}

TEST(Graves, AreClearedUnderLoadWithoutACountGoingWrong) {
    OPEN_BOOKS_OR_SKIP(books, BooksOptions{});
    const Listener listener = listen_on_loopback();
    std::vector<UniqueFd> kept;
    std::atomic<bool> done = false;
    std::thread storm([&] {
        for (int i = 0; i < kConnections; i++) {
            connect_and_reset(listener);
            if (i % 1000 == 0) {
                kept.push_back(connect_to(listener.port));
                kept.push_back(accept_from(listener));
            }
        }
        done = true;
    });
    int passes = 0;
    for (; !done; passes++) EXPECT_TRUE(books.reconcile(1s, Duration::zero()));
    storm.join();
    EXPECT_GT(passes, 10);
    EXPECT_TRUE(eventually([&] {
        EXPECT_TRUE(books.reconcile(Duration::zero(), Duration::zero()));
        return count_of(books, self(), TcpState::kEstablished) == kept.size() &&
               books.gauges_of(self())->total() == kept.size() + 1;
    })) << books.gauges_of(self())->total();
    EXPECT_EQ(books.losses().lost(), 0U);
    EXPECT_EQ(books.losses().drift_corrected, 0U);
}

}  // namespace
}  // namespace sockdog::testing
