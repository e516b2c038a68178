// Where the books live in bpffs while no agent does. Private to the room, but for what probe/kept_books.h
// offers. Loop thread.
//
//   DIRECTORY/                     locked by the one sockdogd whose books are pinned
//     LAYOUT/                      16 hex digits (layout.h); a folder of another name is of another layout
//       map_records, map_bss, ...  every map but the constants
//       programs_CONTENT/          16 hex digits over the object that the programs came from
//         link_transition          keeps the program attached
//         program_transition       for its count of skipped runs
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace sockdog {

class PinFolder {
  public:
    /// Makes the folders, locks the directory and removes what is of other layouts, with a log line each. The
    /// error says what to do: no bpffs, not allowed, or another sockdogd has it (EWOULDBLOCK).
    static Result<PinFolder> take(const std::filesystem::path& directory, const std::string& layout,
                                  const std::string& content);

    [[nodiscard]] const std::filesystem::path& path() const { return layout_; }
    [[nodiscard]] std::filesystem::path map(std::string_view name) const;
    [[nodiscard]] std::filesystem::path link(std::string_view program) const;
    [[nodiscard]] std::filesystem::path program(std::string_view program) const;
    /// Folders of programs that came from another object, of the same layout; at most one as a rule.
    [[nodiscard]] std::vector<std::filesystem::path> other_programs() const;
    /// Removes every pin of this layout; the folders stay. What was pinned lives on until the last descriptor
    /// of it is closed.
    void clear() const;
    /// The folders as well, where nothing else is in them.
    void remove() const;

  private:
    std::filesystem::path layout_;
    std::filesystem::path programs_;
    UniqueFd lock_;
};

/// Takes the links in a folder away and returns once their programs have stopped, so that others may go on
/// counting without anything being counted twice. They stop just before the return. Blocks for some 50 ms.
void detach_links(const std::filesystem::path& folder);
/// Pinned programs of a folder: how many runs the kernel's recursion guard skipped.
std::uint64_t recursion_misses_in(const std::filesystem::path& folder);

}  // namespace sockdog
