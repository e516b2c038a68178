#include "relay/digest.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/random.h>

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "base/text.h"

namespace sockdog {
std::string hmac_sha256_hex(std::string_view key, std::string_view message) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    // Fails only without memory or without SHA-256 in libcrypto; an empty signature then verifies nowhere.
    const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, message.size(), digest.data(),
             &size) == nullptr) {
        return {};
    }
    return hex_of(std::span(digest).first(size));
}

Result<std::string> random_hex(std::size_t bytes) {
    std::vector<unsigned char> buffer(bytes);
    // Up to 256 bytes getrandom() neither is interrupted nor comes back short.
    if (getrandom(buffer.data(), buffer.size(), 0) != static_cast<ssize_t>(bytes)) {
        return Error::from_errno("getrandom");
    }
    return hex_of(buffer);
}

bool holds_certificate(std::string_view pem) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    if (!bio) return false;
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
    ERR_clear_error();  // libcurl looks at the same per-thread queue
    return certificate != nullptr;
}

}  // namespace sockdog
