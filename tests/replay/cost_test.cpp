// What a day of samples costs on disk and in time; docs/benchmarks.md has the numbers.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <ctime>

#include "recorded.h"
#include "replay/backtest.h"

namespace sockdog::testing {
namespace {

constexpr MonoTime kStart{1000h};
constexpr WallTime kWall{std::chrono::hours(24 * 20000)};

double cpu_seconds() {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

/// Calls `turn` every 5 s of a day; returns the bytes of the file when all is in it.
std::uint64_t a_day(const std::string& what, SampleRecorder& recorder, const std::filesystem::path& file,
                    const std::function<void(const Now&, int)>& turn) {
    const double before = cpu_seconds();
    for (int i = 0; i < 24 * 720; ++i) {
        const Now now{kStart + i * 5s, kWall + i * 5s};
        turn(now, i);
        recorder.end_turn(now, {});
    }
    auto store = SampleStore::open(file);
    const std::uint64_t bytes = store->bytes().value_or(0);
    const double recorded = cpu_seconds();
    auto reader = SampleReader::open(file);
    EXPECT_TRUE(backtest(Config{}, *reader, {}).ok());
    std::printf("%s: %.2f MB and %.1f s of CPU a day, %.1f s to replay it\n", what.c_str(),
                static_cast<double>(bytes) / 1e6, recorded - before, cpu_seconds() - recorded);
    return bytes;
}

/// 500 sockets in CLOSE_WAIT; `busy`: on each of them data goes to and fro all the time.
std::uint64_t cost_of_suspect(const std::string& what, bool busy) {
    const fixtures::TempDir dir;
    SampleRecorder recorder(dir / "samples.db", "boot", SamplesSettings{});
    const ProcessId process{4242, 777};
    std::vector<SocketRecord> sockets;
    for (std::uint64_t id = 0; id < 500; ++id) {
        SocketRecord s;
        s.id = 0xffff888000000000U + id * 2176;
        s.owner = process;
        s.state = TcpState::kCloseWait;
        s.role = SocketRole::kOpened;
        s.local = endpoint(static_cast<std::uint16_t>(32768 + id));
        s.remote = endpoint(25555);
        s.netns = 4026531840U;
        s.cgroup_id = 4711;
        s.inode = 3'000'000 + id;
        s.uid = 998;
        s.has_fd = true;
        s.holders = 1;
        s.opened = s.state_since = kStart - 1h - Duration(static_cast<std::int64_t>(id) * 1'234'567'891);
        s.recv_queue_bytes = 32;
        s.bytes_received = s.bytes_acked = 1234;
        s.data_segments_in = s.data_segments_out = 4;
        sockets.push_back(s);
    }
    Gauges gauges;
    gauges.sockets[static_cast<std::size_t>(TcpState::kCloseWait)] = 500;
    ProcessHistory history;
    return a_day(what, recorder, dir / "samples.db", [&](const Now& now, int i) {
        history.add(now.mono, gauges);
        recorder.gauges(now, owner_of(process), history, true);
        if (i % 2 != 0) return;
        for (SocketRecord& s : sockets) {
            s.idle_sent = s.idle_received = busy ? 20ms : now.mono - *s.opened + Duration(i % 7 * 1ms);
            if (!busy) continue;
            s.data_segments_in = ++s.data_segments_out;
            s.bytes_received = s.bytes_acked = s.data_segments_in * 1000ULL;
        }
        Scene scene;
        scene.now = now;
        scene.process = process;
        scene.history = &history;
        scene.sockets = sockets;
        scene.fds = FdUse{510, 1024};
        recorder.walk(scene, owner_of(process));
    });
}

TEST(CostOfADay, OfASuspectWith500IdleSockets) {
    EXPECT_LT(cost_of_suspect("1 suspect, 500 idle sockets", false), 3'000'000U);
}

TEST(CostOfADay, OfASuspectWith500BusySockets) {
    EXPECT_LT(cost_of_suspect("1 suspect, 500 busy sockets", true), 150'000'000U);
}

TEST(CostOfADay, OfAHundredHealthyProcesses) {
    const fixtures::TempDir dir;
    SampleRecorder recorder(dir / "samples.db", "boot", SamplesSettings{});
    std::vector<ProcessHistory> histories(100);
    std::vector<Gauges> gauges(100);
    std::mt19937 random(7);
    const auto bytes = a_day("100 healthy processes", recorder, dir / "samples.db", [&](const Now& now, int) {
        for (std::uint32_t p = 0; p < 100; ++p) {
            // Busy: every one of them changes between any two samples.
            gauges[p].sockets[1] = 10 + static_cast<std::uint32_t>(random() % 30);
            gauges[p].opened += random() % 20;
            gauges[p].closed = gauges[p].opened;
            gauges[p].peer_closed_first = gauges[p].opened / 2;
            histories[p].add(now.mono, gauges[p]);
            recorder.gauges(now, owner_of({1000 + p, 5}), histories[p], false);
            histories[p].trim(10min);
        }
    });
    EXPECT_LT(bytes, 10'000'000U);
}

}  // namespace
}  // namespace sockdog::testing
