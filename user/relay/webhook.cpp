#include "relay/webhook.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "incident/json.h"
#include "relay/digest.h"
#include "relay/retry.h"
#include "relay/severity.h"
#include "relay/small_file.h"

namespace sockdog {
namespace {

constexpr std::size_t kSecretLimit = 4096;           // HMAC keys beyond 64 bytes gain nothing
constexpr std::size_t kCertificateLimit = 4U << 20;  // a whole system's bundle is a quarter of a MiB
constexpr std::size_t kComplaintBytes = 160;         // of a receiver's answer, for one log line

Result<std::string> read_secret(const std::string& file) {
    if (file.empty()) return std::string();
    auto secret = read_small_file(file, kSecretLimit);
    if (!secret) return secret.error().within("secret_file");
    if (secret->ends_with('\n')) secret->pop_back();
    if (secret->empty()) return make_error("secret_file: " + file + " is empty", EINVAL);
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0) {
        spdlog::warn("secret file {} can be read by everybody on this host", printable(file));
    }
    return secret;
}

Status check_ca_file(const std::string& file) {
    if (file.empty()) return Ok{};
    const auto pem = read_small_file(file, kCertificateLimit);
    if (!pem) return pem.error().within("ca_file");
    if (!holds_certificate(*pem)) return make_error("ca_file: " + file + " holds no PEM certificate", EINVAL);
    return Ok{};
}

}  // namespace

Result<std::unique_ptr<Receiver>> Webhook::create(const ReceiverSettings& settings, const Sender& sender) {
    if (auto url = check_url(settings.url); !url) return url.error();
    if (auto anchors = check_ca_file(settings.ca_file); !anchors) return anchors.error();
    auto secret = read_secret(settings.secret_file);
    if (!secret) return secret.error();
    auto http = HttpClient::create();
    if (!http) return http.error();
    return std::unique_ptr<Receiver>(
        new Webhook(settings, sender, std::move(secret).value(), std::move(http).value()));
}

std::optional<std::string> Webhook::render(const Revision& revision) const {
    if (revision.kind == RevisionKind::kGrew)
        return std::nullopt;  // no news that a person should be woken for
    const nlohmann::json body = {
        {"schema", "sockdog.webhook/1"},
        {"event", to_string(revision.kind)},
        {"revision", revision.number},
        {"at", format_rfc3339(revision.at)},
        {"idempotency_key", idempotency_key(sender_, revision)},
        {"host", {{"id", sender_.host_id}, {"name", sender_.host_name}}},
        {"severity", to_string(severity_of(revision))},
        {"summary", json_safe(headline(revision))},
        {"incident", revision.incident},
    };
    // A byte that slipped through becomes U+FFFD: an alert with a scar is better than none.
    return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Delivery Webhook::deliver(const OutboxItem& item) {
    HttpRequest request;
    request.url = settings_.url;
    request.ca_file = settings_.ca_file;
    request.timeout = settings_.timeout;
    request.user_agent = "sockdog/" SOCKDOG_VERSION;
    request.body = item.body;
    request.headers = {
        "Content-Type: application/json", "Idempotency-Key: " + item.idempotency_key,
        "Expect:"};  // no 100-continue: it costs a round trip, or a second where it is not understood
    if (!secret_.empty()) {
        const auto now = std::chrono::floor<std::chrono::seconds>(read_now().wall).time_since_epoch().count();
        request.headers.push_back("Sockdog-Signature: " + webhook_signature(secret_, now, item.body));
    }
    return judge(http_->post(request));
}

std::string webhook_signature(const std::string& secret, std::int64_t unix_seconds, const std::string& body) {
    const std::string time = std::to_string(unix_seconds);
    return "t=" + time + ",v1=" + hmac_sha256_hex(secret, time + "." + body);
}

Delivery judge(const HttpAnswer& answer) {
    Delivery delivery;
    delivery.retry_after = answer.retry_after;
    if (answer.status == 0) {
        delivery.verdict = Delivery::Verdict::kRetry;
        delivery.detail = printable(answer.error);
        if (answer.certificate_refused) {
            delivery.detail = "certificate of the receiver refused: " + delivery.detail +
                              " (where it is right, name its issuer in ca_file)";
        }
        return delivery;
    }
    delivery.verdict = verdict_of(answer.status);
    delivery.detail = "HTTP " + std::to_string(answer.status);
    if (delivery.verdict == Delivery::Verdict::kDelivered) return delivery;
    if (is_misconfiguration(answer.status)) delivery.detail += " (check url and credentials of the receiver)";
    const std::string complaint = printable(trim(answer.excerpt).substr(0, kComplaintBytes));
    if (!complaint.empty()) delivery.detail += ": " + complaint;
    return delivery;
}

}  // namespace sockdog
