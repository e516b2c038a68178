#include "relay/secrets.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include "base/text.h"
#include "relay/digest.h"
#include "relay/small_file.h"

namespace sockdog {
namespace {

constexpr std::size_t kSecretLimit = 4096;           // HMAC keys beyond 64 bytes gain nothing
constexpr std::size_t kCertificateLimit = 4U << 20;  // a whole system's bundle is a quarter of a MiB

}  // namespace

Result<std::string> read_secret(const std::string& key, const std::string& file) {
    if (file.empty()) return std::string();
    auto secret = read_small_file(file, kSecretLimit);
    if (!secret) return secret.error().within(key);
    if (secret->ends_with('\n')) secret->pop_back();
    if (secret->empty()) return make_error(key + ": " + file + " is empty", EINVAL);
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0)
        spdlog::warn("secret file {} can be read by everybody on this host", printable(file));
    return secret;
}

Status check_ca_file(const std::string& file) {
    if (file.empty()) return Ok{};
    const auto pem = read_small_file(file, kCertificateLimit);
    if (!pem) return pem.error().within("ca_file");
    if (!holds_certificate(*pem)) return make_error("ca_file: " + file + " holds no PEM certificate", EINVAL);
    return Ok{};
}

}  // namespace sockdog
