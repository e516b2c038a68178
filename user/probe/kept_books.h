// Books that nobody keeps at the moment: what is pinned in bpffs, and its removal. For programs that do not
// open the books. Any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace sockdog {

/// What a removal took away.
struct DiscardedBooks {
    std::uint32_t folders = 0;  // books, as a rule one
    std::uint32_t maps = 0;
    std::uint32_t programs = 0;  // that were attached
    [[nodiscard]] bool nothing() const { return folders + maps + programs == 0; }
    /// "3 programs and 11 maps".
    [[nodiscard]] std::string to_string() const;
};

/// Removes all books below `directory`, of whatever layout, and the directory itself. Nothing there is no
/// error. EWOULDBLOCK while a sockdogd keeps its books there.
Result<DiscardedBooks> discard_books(const std::filesystem::path& directory);

/// What stands against books in `directory`: an error that says what to do. Makes nothing. EWOULDBLOCK while
/// a sockdogd keeps its books there, which is as it should be.
Status can_keep_books(const std::filesystem::path& directory);

}  // namespace sockdog
