// The agent's journal of incident revisions: SQLite in WAL mode. Numbers grow for ever. What append()
// returned survives kill -9 at any later moment. One writer (sockdogd), loop thread. A damaged file is set
// aside, said so, and a new one begun.
//
// Numbers never go back, not even when the file is lost: a new journal starts counting at the wall clock's
// microseconds since 1970, or above what a damaged file still tells (a double holds such numbers until 2255).
// Nobody writes a million durable revisions a second, so that is above every cursor that a relay may hold,
// unless the clock itself was set back to before the old journal's last revisions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "incident/incident.h"

namespace sockdog {

class Journal {
  public:
    /// Opens or creates; makes the parent folder (0700). Schema upgrades run here in one transaction.
    static Result<Journal> open(const std::filesystem::path& file);
    Journal(Journal&&) noexcept;
    Journal& operator=(Journal&&) noexcept;
    ~Journal();

    /// All or none, durable on return; sets `number` of each.
    Status append(std::span<Revision> revisions);
    /// Revisions with number > `after`, ascending, at most `limit`.
    [[nodiscard]] Result<std::vector<Revision>> read_after(std::uint64_t after, std::size_t limit) const;
    [[nodiscard]] Result<std::vector<Incident>> open_incidents() const;
    /// Newest first; `only_open` leaves out the resolved.
    [[nodiscard]] Result<std::vector<Incident>> incidents(bool only_open, std::size_t limit) const;
    [[nodiscard]] Result<std::optional<Incident>> find(const std::string& id) const;
    /// One above the highest "iN" ever given.
    [[nodiscard]] Result<std::uint64_t> next_incident_id() const;
    [[nodiscard]] Result<std::uint64_t> last_number() const;
    /// Small durable facts, as "hold".
    Status set_fact(const std::string& key, const std::string& value);
    Status clear_fact(const std::string& key);
    [[nodiscard]] Result<std::optional<std::string>> fact(const std::string& key) const;
    /// Removes revisions of incidents resolved before `before`, never the newest number. Returns how many.
    Result<std::size_t> prune(WallTime before);
    /// Where the damaged file went, if open() had to begin anew. Facts are carried over as far as they could
    /// be read; where this is set a "hold" may have been forgotten.
    [[nodiscard]] const std::optional<std::filesystem::path>& damaged_file() const;

  private:
    struct Impl;
    explicit Journal(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sockdog
