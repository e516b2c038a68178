#include "web/password_file.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <memory>

#include "base/text.h"
#include "relay/digest.h"

namespace sockdog {
namespace {

constexpr std::string_view kBasic = "Basic ";
constexpr std::size_t kMostAllowed = 64;
constexpr std::size_t kLongest = 1024;  // of the header

/// crypt(3) reports failure by a text that begins with '*'.
std::string hashed(const std::string& password, const std::string& setting) {
    const auto data = std::make_unique<crypt_data>();
    const char* hash = ::crypt_r(password.c_str(), setting.c_str(), data.get());
    return hash == nullptr || *hash == '*' ? "" : hash;
}

bool same(const std::string& a, const std::string& b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// Empty where it is no base64.
std::string decoded(const std::string& text) {
    if (text.empty() || text.size() % 4 != 0) return "";
    std::string out(text.size(), '\0');
    const int size =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (size < 0) return "";
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    out.resize(static_cast<std::size_t>(size) - padding);
    return out;
}

}  // namespace

Result<PasswordFile> PasswordFile::parse(const std::string& text, const std::string& name) {
    PasswordFile file;
    std::size_t number = 0;
    for (const std::string& line : split(text, '\n')) {
        ++number;
        const std::string entry(trim(line));
        if (entry.empty() || entry.starts_with('#')) continue;
        const std::size_t colon = entry.find(':');
        const std::string where = name + ":" + std::to_string(number) + ": ";
        if (colon == std::string::npos || colon == 0)
            return make_error(where + "not USER:HASH, as `htpasswd -nB USER` prints it", EINVAL);
        const std::string hash = entry.substr(colon + 1);
        // A password in the clear is none of these.
        if (!hash.starts_with('$') || ::crypt_checksalt(hash.c_str()) == CRYPT_SALT_INVALID)
            return make_error(
                where + "the hash is of no method that crypt(5) knows; make one with `htpasswd -nB USER`",
                EINVAL);
        file.hashes_[entry.substr(0, colon)] = hash;
    }
    if (file.hashes_.empty()) return make_error(name + ": has no user", EINVAL);
    auto key = random_hex(16);
    if (!key) return key.error();
    file.key_ = std::move(*key);
    return file;
}

bool PasswordFile::allows(const std::string& authorization) {
    if (!authorization.starts_with(kBasic) || authorization.size() > kLongest) return false;
    std::string digest;
    {
        const std::lock_guard lock(mutex_);
        digest = hmac_sha256_hex(key_, authorization);
        if (allowed_.contains(digest)) return true;
    }
    const std::string pair = decoded(std::string(trim(authorization.substr(kBasic.size()))));
    const std::size_t colon = pair.find(':');
    if (colon == std::string::npos || pair.find('\0') != std::string::npos) return false;
    const auto found = hashes_.find(pair.substr(0, colon));
    // One that is not known takes as long as one that is.
    const std::string& setting = found == hashes_.end() ? hashes_.begin()->second : found->second;
    const std::string hash = hashed(pair.substr(colon + 1), setting);
    if (found == hashes_.end() || hash.empty() || !same(hash, found->second)) return false;
    const std::lock_guard lock(mutex_);
    if (allowed_.size() >= kMostAllowed) allowed_.clear();
    allowed_.insert(digest);
    return true;
}

}  // namespace sockdog
