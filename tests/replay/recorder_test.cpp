// What is recorded and what is not, and that a disk which fails stops nothing.
#include "replay/sample_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <fstream>
#include <sstream>

#include "recorded.h"

namespace sockdog::testing {
namespace {

constexpr MonoTime kStart{1000h};
constexpr WallTime kWall{std::chrono::hours(24 * 20000)};

Now at(Duration since_start) {
    return {kStart + since_start, kWall + std::chrono::duration_cast<WallTime::duration>(since_start)};
}

std::vector<SampledTick> read_all(const std::filesystem::path& file) {
    std::vector<SampledTick> ticks;
    auto reader = SampleReader::open(file);
    EXPECT_TRUE(reader.ok()) << reader.error().message;
    for (SampledTick tick; reader.ok() && reader->next(tick).value_or(false);) ticks.push_back(tick);
    return ticks;
}

std::size_t gauges_in(const std::vector<SampledTick>& ticks) {
    std::size_t count = 0;
    for (const SampledTick& tick : ticks) count += tick.gauges.size();
    return count;
}

/// What was logged while it lives.
class Log {
  public:
    Log() : before_(spdlog::default_logger()) {
        spdlog::set_default_logger(std::make_shared<spdlog::logger>(
            "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
    }
    ~Log() { spdlog::set_default_logger(before_); }
    std::size_t count(const std::string& words) const {
        std::size_t n = 0;
        const std::string all = text_.str();
        for (auto found = all.find(words); found != std::string::npos; found = all.find(words, found + 1))
            ++n;
        return n;
    }

  private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::logger> before_;
};

class Recorder : public ::testing::Test {
  protected:
    /// One turn with a process of `sockets` established sockets.
    void turn(SampleRecorder& recorder, Duration since_start, std::uint32_t sockets, bool suspect = false) {
        Gauges gauges;
        gauges.sockets[1] = sockets;
        history_.add(at(since_start).mono, gauges);
        recorder.gauges(at(since_start), owner_, history_, suspect);
        recorder.end_turn(at(since_start), {});
    }
    const fixtures::TempDir dir_;
    const std::filesystem::path file_ = dir_ / "samples.db";
    Owner owner_ = owner_of({4242, 777});
    ProcessHistory history_;
};

TEST_F(Recorder, TellsOfTheHealthyOnceAMinuteAndOfTheSmallNotAtAll) {
    {
        SampleRecorder recorder(file_, "boot", {});
        for (int i = 0; i < 720; ++i) turn(recorder, i * 5s, 10 + static_cast<std::uint32_t>(i));
    }
    EXPECT_EQ(gauges_in(read_all(file_)), 59U) << "an hour";
    const auto small = dir_ / "small.db";
    {
        SampleRecorder recorder(small, "boot", {});
        history_ = {};
        for (int i = 0; i < 720; ++i) turn(recorder, i * 5s, static_cast<std::uint32_t>(i % 4));
    }
    const auto ticks = read_all(small);
    EXPECT_EQ(gauges_in(ticks), 0U);
    EXPECT_EQ(ticks.size(), 60U) << "a tick a minute says that somebody watched";
}

TEST_F(Recorder, TellsOfTheUnchangedOnceAnHour) {
    {
        SampleRecorder recorder(file_, "boot", {});
        for (int i = 0; i < 3 * 720; ++i) turn(recorder, i * 5s, 10);
    }
    EXPECT_EQ(gauges_in(read_all(file_)), 3U);
}

TEST_F(Recorder, TellsThePastOfWhoBecomesASuspect) {
    {
        SampleRecorder recorder(file_, "boot", {});
        for (int i = 0; i < 60; ++i) turn(recorder, i * 5s, 10 + static_cast<std::uint32_t>(i));
        turn(recorder, 300s, 99, true);
    }
    const auto ticks = read_all(file_);
    EXPECT_EQ(gauges_in(ticks), 61U) << "each turn, though they were thinned out when they were fresh";
    ASSERT_FALSE(ticks.back().gauges.empty());
    EXPECT_TRUE(ticks.back().gauges.back().dense);
}

TEST_F(Recorder, TellsAnewWhoAProcessIsAfterAnExec) {
    {
        SampleRecorder recorder(file_, "boot", {});
        turn(recorder, 0s, 10, true);
        owner_.executable = "/opt/other";
        turn(recorder, 5s, 10, true);
        turn(recorder, 10s, 10, true);
    }
    const auto ticks = read_all(file_);
    ASSERT_EQ(ticks.size(), 3U);
    ASSERT_EQ(ticks[1].processes.size(), 1U);
    EXPECT_EQ(ticks[1].processes[0].owner.executable, "/opt/other");
    EXPECT_TRUE(ticks[2].processes.empty());
}

TEST_F(Recorder, SaysOnceThatTheDiskFailsAndBeginsARunWhenItDoesNotAnyMore) {
    const auto folder = dir_ / "state";
    std::ofstream(folder) << "in the way";
    const Log log;
    {
        SampleRecorder recorder(folder / "samples.db", "boot", {});
        for (int i = 0; i < 120; ++i) turn(recorder, i * 5s, 10, true);
        EXPECT_EQ(log.count("samples are not recorded"), 1U);
        std::filesystem::remove(folder);
        for (int i = 120; i < 240; ++i) turn(recorder, i * 5s, 10, true);
    }
    EXPECT_EQ(log.count("samples are recorded again"), 1U);
    const auto ticks = read_all(folder / "samples.db");
    ASSERT_FALSE(ticks.empty());
    EXPECT_FALSE(ticks[0].processes.empty()) << "told anew who it is";
    EXPECT_GT(ticks.size(), 100U);
}

TEST_F(Recorder, RecordsNothingWhereItIsTurnedOff) {
    SampleRecorder recorder(file_, "boot", {.enabled = false, .keep = 1h, .max_bytes = 1U << 20});
    for (int i = 0; i < 100; ++i) turn(recorder, i * 5s, 10, true);
    EXPECT_FALSE(std::filesystem::exists(file_));
    recorder.set_settings({});
    for (int i = 100; i < 110; ++i) turn(recorder, i * 5s, 10, true);
    EXPECT_EQ(read_all(file_).size(), 10U);
}

TEST_F(Recorder, KeepsWithinAgeAndSize) {
    {
        SampleRecorder recorder(file_, "boot", {.enabled = true, .keep = 24h, .max_bytes = 1U << 20});
        for (int i = 0; i < 3 * 24 * 720; ++i) turn(recorder, i * 5s, static_cast<std::uint32_t>(i), true);
    }
    EXPECT_LT(std::filesystem::file_size(file_), 3U << 19);
    auto reader = SampleReader::open(file_);
    const auto span = reader->span();
    ASSERT_TRUE(span.ok() && span->has_value());
    EXPECT_GE((*span)->first, at(47h).wall - std::chrono::seconds(5));
    EXPECT_EQ((*span)->last, at(72h - 5s).wall);
}

}  // namespace
}  // namespace sockdog::testing
