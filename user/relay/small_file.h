// Bounded reading of the few small files that the relay is configured with. Any thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace sockdog {

/// Whole content; EFBIG above `limit_bytes`. Never blocks on a FIFO: what is not a regular file is refused.
Result<std::string> read_small_file(const std::filesystem::path& file, std::size_t limit_bytes);

/// New content by a temporary file, fsync and rename, mode 0600.
Status write_small_file(const std::filesystem::path& file, std::string_view content);

}  // namespace sockdog
