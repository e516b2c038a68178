// The configuration's files: the main one and its drop-ins, read whole and within bounds. Any thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace sockdog {

/// Of one file. More is a mistake, or meant to hurt.
inline constexpr std::size_t kMaxConfigBytes = 1 << 20;

/// The whole content. Errors: it cannot be opened, is no regular file, is larger than kMaxConfigBytes, or
/// everybody may write to it.
Result<std::string> read_config_file(const std::filesystem::path& file);

/// The folder of drop-ins: /etc/sockdog/sockdog.yaml has /etc/sockdog/sockdog.d.
std::filesystem::path drop_in_folder(const std::filesystem::path& file);
/// Names in that folder that are meant as drop-ins, sorted by bytes: *.yaml and, to be complained about,
/// *.yml. Hidden files and backups of editors and package managers are not. A folder that does not exist has
/// none.
Result<std::vector<std::filesystem::path>> drop_ins(const std::filesystem::path& folder);

}  // namespace sockdog
