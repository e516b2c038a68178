// What receivers read from files that are nobody else's business. Any thread.
#pragma once

#include <string>

#include "base/result.h"

namespace sockdog {

/// A secret without its trailing newline; "" where no file is named. `key` is the setting's name, for
/// messages. Warns where everybody may read the file.
Result<std::string> read_secret(const std::string& key, const std::string& file);

/// The file, where one is named, holds a certificate.
Status check_ca_file(const std::string& file);

}  // namespace sockdog
