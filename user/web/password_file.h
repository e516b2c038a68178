// Who may read, where the port is reachable from elsewhere: lines "user:hash" with hashes of crypt(5), as
// `htpasswd -B` or `mkpasswd` make them. Any thread.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "base/result.h"

namespace sockdog {

class PasswordFile {
  public:
    /// EINVAL where a line is no "user:hash" of a method that crypt(3) knows, or there is none.
    static Result<PasswordFile> parse(const std::string& text, const std::string& name);
    PasswordFile(PasswordFile&& other) noexcept
        : hashes_(std::move(other.hashes_)), key_(std::move(other.key_)) {}

    /// `authorization`: the header, "Basic ...". Hashing takes tens of milliseconds by design; what was right
    /// once is known again.
    [[nodiscard]] bool allows(const std::string& authorization);

  private:
    PasswordFile() = default;
    std::map<std::string, std::string> hashes_;  // by user
    std::mutex mutex_;
    std::set<std::string> allowed_;  // guarded by mutex_; digests of headers
    std::string key_;                // guarded by mutex_; of the digests, random
};

}  // namespace sockdog
