// Samples: what was written reads back, pruned from the old end, and never a half of a turn.
#include "store/samples.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <fstream>

#include "killed_child.h"
#include "store/sample_codec.h"
#include "store/socket_set.h"
#include "store/sqlite.h"
#include "support.h"

namespace sockdog {
namespace {

using testing::at_second;
using ::testing::HasSubstr;
using testing::TempDir;

MonoTime mono(std::int64_t seconds) {
    return MonoTime(std::chrono::seconds(seconds));
}

Endpoint v4(std::uint16_t port) {
    Endpoint e;
    e.family = AF_INET;
    e.address = {10, 0, 0, 6};
    e.port = port;
    return e;
}

SocketRecord socket_of(std::uint64_t id) {
    SocketRecord s;
    s.id = 0xffff888000000000U + id * 64;
    s.owner = {4242, 777};
    s.state = TcpState::kCloseWait;
    s.role = SocketRole::kOpened;
    s.attribution = Attribution::kCaller;
    s.local = v4(static_cast<std::uint16_t>(32768 + id));
    s.remote = v4(25555);
    s.remote.family = AF_INET6;
    s.remote.address[15] = 1;
    s.netns = 4026531840U;
    s.cgroup_id = 4711;
    s.cookie = 9;
    s.inode = 100000 + id;
    s.uid = 998;
    s.has_fd = true;
    s.opener_pid = 3;
    s.holders = 2;
    s.opened = mono(1000) + Duration(123456789 + static_cast<std::int64_t>(id));
    s.recv_queue_bytes = 32;
    s.send_queue_bytes = 5;
    s.idle_sent = 90s;
    s.idle_received = 60s;
    s.bytes_received = 1U << 20;
    s.bytes_acked = 77;
    s.data_segments_in = 3;
    s.data_segments_out = 4;
    return s;
}

void expect_same(const SocketRecord& a, const SocketRecord& b) {
    EXPECT_EQ(a.id, b.id);
    EXPECT_EQ(a.owner, b.owner);
    EXPECT_EQ(std::tuple(a.state, a.role, a.attribution, a.has_fd, a.orphaned),
              std::tuple(b.state, b.role, b.attribution, b.has_fd, b.orphaned));
    EXPECT_EQ(std::tuple(a.local, a.remote, a.netns, a.cgroup_id, a.cookie, a.inode, a.uid),
              std::tuple(b.local, b.remote, b.netns, b.cgroup_id, b.cookie, b.inode, b.uid));
    EXPECT_EQ(std::tuple(a.opener_pid, a.holders, a.opened, a.state_since, a.idle_sent, a.idle_received),
              std::tuple(b.opener_pid, b.holders, b.opened, b.state_since, b.idle_sent, b.idle_received));
    EXPECT_EQ(std::tuple(a.recv_queue_bytes, a.send_queue_bytes, a.bytes_received, a.bytes_acked,
                         a.data_segments_in, a.data_segments_out),
              std::tuple(b.recv_queue_bytes, b.send_queue_bytes, b.bytes_received, b.bytes_acked,
                         b.data_segments_in, b.data_segments_out));
}

SampledProcess process_of(std::uint64_t number, std::int64_t since) {
    SampledProcess process{.number = number, .since = mono(since), .owner = {}};
    process.owner.process = {4242, 777};
    process.owner.comm = "mon\xffitor";
    process.owner.unit = "monitor.service";
    return process;
}

SampledTick tick_of(std::uint64_t run, std::int64_t seconds) {
    SampledTick tick;
    tick.run = run;
    tick.at = mono(seconds);
    tick.wall = at_second(1'000'000 + seconds);
    Gauges gauges;
    gauges.sockets[8] = static_cast<std::uint32_t>(seconds);
    tick.gauges.push_back({1, tick.at, gauges, false});
    return tick;
}

std::vector<SampledTick> read_all(const std::filesystem::path& file) {
    std::vector<SampledTick> ticks;
    auto reader = SampleReader::open(file);
    EXPECT_TRUE(reader.ok()) << reader.error().message;
    SampledTick tick;
    while (reader.ok()) {
        const auto more = reader->next(tick);
        EXPECT_TRUE(more.ok()) << more.error().message;
        if (!more || !*more) break;
        ticks.push_back(tick);
    }
    return ticks;
}

TEST(SampleCodec, SocketsReadBackAsTheyWereAndAsTheyChanged) {
    SocketSetEncoder encoder;
    SocketSetDecoder decoder;
    std::vector<SocketRecord> sockets{socket_of(1), socket_of(2), socket_of(3)};
    const auto pass = [&](MonoTime at, bool whole) {
        const std::string bytes = encoder.encode(at, sockets, whole);
        EXPECT_EQ(decoder.apply(at, bytes), SocketSetDecoder::Applied::kYes);
        const auto read = decoder.sockets({4242, 777});
        EXPECT_EQ(read.size(), sockets.size());
        for (const SocketRecord& s : sockets) {
            const auto found =
                std::find_if(read.begin(), read.end(), [&](const auto& r) { return r.id == s.id; });
            if (found != read.end())
                expect_same(*found, s);
            else
                ADD_FAILURE() << "lost";
        }
        return bytes.size();
    };
    EXPECT_GT(pass(mono(2000), true), 150U);
    for (SocketRecord& s : sockets) s.idle_sent += 10s, s.idle_received += 10s;
    EXPECT_LE(pass(mono(2010), false), 3U) << "idle: nothing to tell";
    sockets[1].state = TcpState::kClose;
    sockets[1].state_since = mono(2015);
    sockets[2].data_segments_in = 9;
    sockets[2].idle_received = 1s;
    for (SocketRecord& s : sockets) s.idle_sent += 10s;
    sockets[0].idle_received += 10s;
    sockets[1].idle_received += 10s;
    pass(mono(2020), false);
    sockets.erase(sockets.begin());
    sockets.push_back(socket_of(9));
    sockets[0].remote.port = 80;  // another socket at the same address
    for (SocketRecord& s : sockets) s.idle_sent = s.idle_received = 500s;
    pass(mono(2030), false);
}

TEST(SampleCodec, AnIdleTimeReadALittleLateIsNoTraffic) {
    SocketSetEncoder encoder;
    std::vector<SocketRecord> sockets{socket_of(1)};
    encoder.encode(mono(2000), sockets, true);
    sockets[0].idle_sent += 10s + 37ms;
    sockets[0].idle_received += 10s + 37ms;
    EXPECT_LE(encoder.encode(mono(2010), sockets, false).size(), 3U);
}

TEST(SampleCodec, ChangesOfWhatWasNeverToldAreNotGuessed) {
    SocketSetEncoder encoder;
    const std::vector<SocketRecord> sockets{socket_of(1)};
    encoder.encode(mono(1), sockets, true);
    const std::string change = encoder.encode(mono(2), {}, false);
    SocketSetDecoder decoder;
    EXPECT_EQ(decoder.apply(mono(2), change), SocketSetDecoder::Applied::kNotYet);
}

TEST(SampleCodec, DamageIsNoticedWhereverItCuts) {
    SocketSetEncoder encoder;
    const std::string whole = encoder.encode(mono(2000), std::vector{socket_of(1), socket_of(2)}, true);
    for (std::size_t length = 1; length < whole.size(); ++length) {
        SocketSetDecoder decoder;
        EXPECT_NE(decoder.apply(mono(2000), whole.substr(0, length)), SocketSetDecoder::Applied::kYes)
            << length;
    }
    Gauges gauges;
    gauges.sockets[1] = 300;
    gauges.inherited = 1;
    const std::string bytes = encode_gauges(gauges);
    EXPECT_EQ(decode_gauges(bytes)->sockets[1], 300U);
    EXPECT_EQ(decode_gauges(bytes)->inherited, 1U);
    EXPECT_FALSE(decode_gauges(bytes.substr(0, bytes.size() - 1)));
    EXPECT_FALSE(decode_gauges(bytes + "x"));
    EXPECT_FALSE(decode_surroundings(std::string("\x01\xff\xff\xff\xff\x0f", 6)));
}

TEST(SampleCodec, SurroundingsKeepWhatMattersToTheProcess) {
    std::vector<SocketRecord> sockets;
    for (std::uint64_t id = 0; id < 10; ++id) sockets.push_back(socket_of(id));
    const PortTuple ours = port_tuple(sockets[0].local, sockets[0].remote, sockets[0].netns);
    HostUse host;
    host.local_ports = {{sockets[0].netns, 28232}, {1, 2}};
    host.tuples[ours] = {.used = 20000, .top = {7, 7}, .by_top = 19000};
    host.tuples[port_tuple(v4(1), v4(80), 1)] = {.used = 5, .top = {9, 9}, .by_top = 5};
    host.shortages.push_back({{5, 5}, ours.local, ours.remote, ours.netns, 17, mono(1), mono(9)});
    Scene scene;
    scene.process = {4242, 777};
    scene.sockets = sockets;
    scene.host = &host;
    scene.fds = FdUse{.used = 900, .limit = 1024};
    const auto read = decode_surroundings(encode_surroundings(scene));
    ASSERT_TRUE(read && read->host && read->fds);
    EXPECT_EQ(read->fds->limit, 1024U);
    EXPECT_EQ(read->host->local_ports.size(), 1U);
    ASSERT_EQ(read->host->tuples.size(), 1U) << "the tuples of others are no business of this process";
    EXPECT_EQ(read->host->tuples.at(ours).by_top, 19000U);
    ASSERT_EQ(read->host->shortages.size(), 1U);
    EXPECT_EQ(read->host->shortages[0].failures, 17U);
    EXPECT_EQ(read->host->shortages[0].last, mono(9));
}

TEST(Samples, ReadBackTickByTick) {
    const TempDir dir;
    auto store = SampleStore::open(dir / "samples.db");
    ASSERT_TRUE(store.ok()) << store.error().message;
    const auto run = store->begin_run("boot");
    ASSERT_TRUE(run.ok());
    SampledTick first = tick_of(*run, 10);
    first.processes.push_back(process_of(1, 10));
    first.walks.push_back({1, mono(10), std::string("a\0b", 3), std::string("s")});
    first.blind = true;
    ASSERT_TRUE(store->write(first).ok());
    SampledTick second = tick_of(*run, 20);
    second.gauges.insert(second.gauges.begin(), {1, mono(15), {}, true});  // of between the ticks
    second.ends.push_back({1, mono(20)});
    second.uncertain = true;
    ASSERT_TRUE(store->write(second).ok());

    const auto ticks = read_all(dir / "samples.db");
    ASSERT_EQ(ticks.size(), 2U);
    EXPECT_TRUE(ticks[0].blind && !ticks[0].uncertain);
    EXPECT_EQ(ticks[0].wall, first.wall);
    ASSERT_EQ(ticks[0].processes.size(), 1U);
    EXPECT_EQ(ticks[0].processes[0].owner.unit, "monitor.service");
    EXPECT_EQ(ticks[0].processes[0].owner.process, (ProcessId{4242, 777}));
    ASSERT_EQ(ticks[0].walks.size(), 1U);
    EXPECT_EQ(ticks[0].walks[0].sockets, std::string("a\0b", 3));
    EXPECT_EQ(ticks[0].walks[0].surroundings, "s");
    EXPECT_TRUE(ticks[1].uncertain);
    ASSERT_EQ(ticks[1].gauges.size(), 2U);
    EXPECT_EQ(ticks[1].gauges[0].at, mono(15));
    EXPECT_TRUE(ticks[1].gauges[0].dense);
    EXPECT_EQ(ticks[1].gauges[1].gauges.sockets[8], 20U);
    ASSERT_EQ(ticks[1].ends.size(), 1U);
}

TEST(Samples, ReadInTheOrderOfRunsWhateverTheClocksSay) {
    const TempDir dir;
    auto store = SampleStore::open(dir / "samples.db");
    const auto first = store->begin_run("boot-1");
    ASSERT_TRUE(store->write(tick_of(*first, 5000)).ok());
    const auto second = store->begin_run("boot-2");
    ASSERT_TRUE(store->write(tick_of(*second, 10)).ok());
    const auto ticks = read_all(dir / "samples.db");
    ASSERT_EQ(ticks.size(), 2U);
    EXPECT_EQ(ticks[1].at, mono(10));
}

TEST(Samples, AReaderSeesTheFileAsItWasWhileTheWriterGoesOn) {
    const TempDir dir;
    auto store = SampleStore::open(dir / "samples.db");
    const auto run = store->begin_run("boot");
    for (int i = 1; i <= 10; ++i) ASSERT_TRUE(store->write(tick_of(*run, i)).ok());
    auto reader = SampleReader::open(dir / "samples.db");
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    ASSERT_EQ((*reader->span())->last, at_second(1'000'010));
    for (int i = 11; i <= 20; ++i) ASSERT_TRUE(store->write(tick_of(*run, i)).ok());
    int seen = 0;
    for (SampledTick tick; *reader->next(tick);) ++seen;
    EXPECT_EQ(seen, 10);
    EXPECT_EQ(read_all(dir / "samples.db").size(), 20U);
}

TEST(Samples, ArePrunedByAge) {
    const TempDir dir;
    auto store = SampleStore::open(dir / "samples.db");
    const auto old = store->begin_run("boot-1");
    SampledTick tick = tick_of(*old, 1);
    tick.processes.push_back(process_of(1, 1));
    ASSERT_TRUE(store->write(tick).ok());
    const auto run = store->begin_run("boot-2");
    for (int i = 1; i <= 100; ++i) ASSERT_TRUE(store->write(tick_of(*run, i)).ok());
    ASSERT_TRUE(store->prune(at_second(1'000'051)).ok());
    const auto ticks = read_all(dir / "samples.db");
    ASSERT_EQ(ticks.size(), 50U);
    EXPECT_EQ(ticks.front().at, mono(51));
    EXPECT_EQ(ticks.front().gauges.size(), 1U) << "no gauges are left over of what was pruned";
    EXPECT_TRUE(ticks.front().processes.empty()) << "the process of the old run is forgotten with it";
    ASSERT_TRUE(store->prune(at_second(9'000'000)).ok());
    EXPECT_EQ(read_all(dir / "samples.db").size(), 50U)
        << "with none to stay it is no age but a clock that jumped";
}

TEST(Samples, ArePrunedBySize) {
    const TempDir dir;
    auto store = SampleStore::open(dir / "samples.db");
    const auto run = store->begin_run("boot");
    constexpr std::uint64_t kMost = 1U << 20;
    for (int i = 1; i <= 1000; ++i) {
        SampledTick tick = tick_of(*run, i);
        tick.walks.push_back({1, tick.at, std::string(5000, 'x'), std::nullopt});
        ASSERT_TRUE(store->write(tick).ok());
        ASSERT_TRUE(store->shrink(kMost).ok());
        ASSERT_LT(*store->bytes(), kMost * 5 / 4) << i;
    }
    const auto ticks = read_all(dir / "samples.db");
    EXPECT_GT(ticks.size(), 100U);
    EXPECT_EQ(ticks.back().at, mono(1000)) << "the oldest go";
    EXPECT_LT(std::filesystem::file_size(dir / "samples.db"), kMost * 3 / 2) << "what is free is used again";
}

TEST(Samples, ACrashLeavesWholeTurns) {
    const TempDir dir;
    const auto told = testing::run_and_kill(
        [&](const testing::Report& report) {
            auto store = SampleStore::open(dir / "samples.db");
            const auto run = store->begin_run("boot");
            for (int i = 1;; ++i) {
                SampledTick tick = tick_of(*run, i);
                tick.walks.push_back({1, tick.at, std::string(3000, 'x'), std::string("s")});
                if (!store->write(tick)) return;
                report(static_cast<std::uint64_t>(i));
            }
        },
        50, 3000);
    ASSERT_GE(told.size(), 50U);
    const auto ticks = read_all(dir / "samples.db");
    EXPECT_GE(ticks.size(), told.size());
    for (const SampledTick& tick : ticks) {
        EXPECT_EQ(tick.walks.size(), 1U);
        EXPECT_EQ(tick.gauges.size(), 1U);
    }
    auto store = SampleStore::open(dir / "samples.db", true);
    ASSERT_TRUE(store.ok());
    EXPECT_FALSE(store->damaged_file());
}

TEST(Samples, ADamagedFileIsSetAsideByTheWriterAndRefusedByTheReader) {
    const TempDir dir;
    std::ofstream(dir / "samples.db") << std::string(5000, 'x');
    const auto reader = SampleReader::open(dir / "samples.db");
    ASSERT_FALSE(reader.ok());
    EXPECT_EQ(reader.error().code, EUCLEAN);
    const auto store = SampleStore::open(dir / "samples.db");
    ASSERT_TRUE(store.ok()) << store.error().message;
    EXPECT_TRUE(store->damaged_file().has_value());
}

TEST(Samples, DamageInTheMiddleEndsTheReadingWithAnError) {
    const TempDir dir;
    {
        auto store = SampleStore::open(dir / "samples.db");
        const auto run = store->begin_run("boot");
        for (int i = 1; i <= 300; ++i) {
            SampledTick tick = tick_of(*run, i);
            tick.walks.push_back({1, tick.at, std::string(500, 'x'), std::nullopt});
            ASSERT_TRUE(store->write(tick).ok());
        }
    }
    const auto size = std::filesystem::file_size(dir / "samples.db");
    {
        std::fstream file(dir / "samples.db", std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(size / 2));
        file << std::string(size / 4, '\xff');
    }
    auto reader = SampleReader::open(dir / "samples.db");
    ASSERT_TRUE(reader.ok()) << "the beginning is sound";
    SampledTick tick;
    auto more = reader->next(tick);
    while (more.ok() && *more) more = reader->next(tick);
    ASSERT_FALSE(more.ok());
    EXPECT_EQ(more.error().code, EUCLEAN) << more.error().message;
    const auto store = SampleStore::open(dir / "samples.db", true);
    ASSERT_TRUE(store.ok());
    EXPECT_TRUE(store->damaged_file().has_value()) << "a thorough look finds it";
}

TEST(Samples, AForeignAMissingAndANewerFileAreRefused) {
    const TempDir dir;
    EXPECT_EQ(SampleReader::open(dir / "none.db").error().code, ENOENT);
    {
        auto database = sql::Database::open(dir / "other.db");
        ASSERT_TRUE(database->execute("CREATE TABLE t(x)", "test").ok());
    }
    EXPECT_THAT(SampleReader::open(dir / "other.db").error().message, HasSubstr("none of sockdog's samples"));
    ASSERT_TRUE(SampleStore::open(dir / "samples.db").ok());
    {
        auto database = sql::Database::open(dir / "samples.db");
        ASSERT_TRUE(database->execute("PRAGMA user_version = 99", "test").ok());
    }
    EXPECT_EQ(SampleReader::open(dir / "samples.db").error().code, EPROTO);
    EXPECT_EQ(SampleStore::open(dir / "samples.db").error().code, EPROTO);
}

TEST(Samples, ACopyIsReadWithoutItsLogAndNothingIsLeftBesideIt) {
    const TempDir dir;
    {
        auto store = SampleStore::open(dir / "samples.db");
        const auto run = store->begin_run("boot");
        ASSERT_TRUE(store->write(tick_of(*run, 1)).ok());
    }
    std::filesystem::create_directory(dir / "copy?#%");
    std::filesystem::copy_file(dir / "samples.db", dir / "copy?#%/s.db");
    EXPECT_EQ(read_all(dir / "copy?#%/s.db").size(), 1U);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir / "copy?#%"), {}), 1);
}

}  // namespace
}  // namespace sockdog
