// What a new journal begins with: where its numbers start, and what a damaged one still tells. Private to the
// room.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "store/sqlite.h"

namespace sockdog {

class JournalSalvage {
  public:
    /// Takes what can be read from a damaged journal. Failures are expected and leave their part out.
    void read(const sql::Database& from);
    /// Into the fresh schema, in its transaction. Also where nothing was read: the numbers start at the wall
    /// clock.
    [[nodiscard]] Status write(sql::Database& to) const;

  private:
    Status write_facts(sql::Database& to) const;

    std::uint64_t last_number_ = 0;
    std::uint64_t last_incident_ = 0;
    std::map<std::string, std::string> facts_;
};

}  // namespace sockdog
