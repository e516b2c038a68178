// The tables of a file of samples, as SampleStore writes and SampleReader reads them. Private to the room.
#pragma once

#include <cstdint>

namespace sockdog {

/// "sock": tells a file of samples from other databases.
inline constexpr std::int64_t kSampleApplication = 0x736f636b;
inline constexpr std::int64_t kFlagBlind = 1;
inline constexpr std::int64_t kFlagUncertain = 2;

// All but `runs` are read and pruned in the order of (run, time), which is also their key: neither sorts.
inline constexpr const char* kSampleSchema[] = {
    R"sql(
    PRAGMA application_id = 0x736f636b;
    CREATE TABLE runs(id INTEGER PRIMARY KEY AUTOINCREMENT, boot TEXT NOT NULL) STRICT;
    CREATE TABLE ticks(
        run INTEGER NOT NULL,
        at_ns INTEGER NOT NULL,  -- CLOCK_MONOTONIC
        wall_ms INTEGER NOT NULL,
        flags INTEGER NOT NULL,
        PRIMARY KEY(run, at_ns)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE processes(
        run INTEGER NOT NULL,
        number INTEGER NOT NULL,
        pid INTEGER NOT NULL,
        start_ticks INTEGER NOT NULL,
        since_ns INTEGER NOT NULL,
        ended_ns INTEGER,
        owner TEXT NOT NULL,  -- JSON, docs/json.md
        PRIMARY KEY(run, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE gauges(
        run INTEGER NOT NULL,
        at_ns INTEGER NOT NULL,
        process INTEGER NOT NULL,
        dense INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY(run, at_ns, process)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE walks(
        run INTEGER NOT NULL,
        at_ns INTEGER NOT NULL,
        process INTEGER NOT NULL,
        sockets BLOB NOT NULL,
        surroundings BLOB,
        PRIMARY KEY(run, at_ns, process)
    ) STRICT, WITHOUT ROWID;
    )sql"};

}  // namespace sockdog
