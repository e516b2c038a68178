#include "relay/http_receiver.h"

#include "base/text.h"
#include "relay/retry.h"
#include "relay/secrets.h"

namespace sockdog {
namespace {

constexpr std::size_t kComplaintBytes = 160;  // of a receiver's answer, for one log line

/// Without a path of its own: "http://host:9093", "http://host:9093/".
bool has_no_path(const std::string& url) {
    const std::size_t scheme = url.find("://");
    const std::size_t slash = url.find_first_of("/?#", scheme == std::string::npos ? 0 : scheme + 3);
    return slash == std::string::npos || url.substr(slash) == "/";
}

}  // namespace

Result<std::unique_ptr<Receiver>> HttpReceiver::create(const ReceiverSettings& settings, const Sender& sender,
                                                       std::unique_ptr<Format> format) {
    std::unique_ptr<HttpReceiver> receiver(new HttpReceiver(settings, sender, std::move(format)));
    if (auto read = receiver->read_files(); !read) return read.error();
    auto http = HttpClient::create();
    if (!http) return http.error();
    receiver->http_ = std::move(*http);
    return std::unique_ptr<Receiver>(std::move(receiver));
}

Status HttpReceiver::read_files() {
    auto url = read_secret("url_file", settings_.url_file);
    if (!url) return url.error();
    url_ = url->empty() ? settings_.url : std::move(*url);
    if (auto good = check_url(url_); !good) return good;
    const std::string path = format_->default_path();
    if (!path.empty() && has_no_path(url_)) url_ = url_.substr(0, url_.size() - url_.ends_with('/')) + path;
    if (auto anchors = check_ca_file(settings_.ca_file); !anchors) return anchors;
    auto secret = read_secret("secret_file", settings_.secret_file);
    if (!secret) return secret.error();
    secret_ = std::move(*secret);
    auto credentials = read_secret("credentials_file", settings_.credentials_file);
    if (!credentials) return credentials.error();
    credentials_ = std::move(*credentials);
    if (!credentials_.empty() && credentials_.find(':') == std::string::npos)
        return make_error("credentials_file: " + settings_.credentials_file + " is not USER:PASSWORD",
                          EINVAL);
    return Ok{};
}

Delivery HttpReceiver::deliver(std::span<const OutboxItem> items) {
    const Message message =
        format_->message(items, {.now = read_now().wall, .secret = secret_, .repeat = repeat_of(settings_)});
    HttpRequest request;
    request.url = url_;
    request.ca_file = settings_.ca_file;
    request.credentials = credentials_;
    request.timeout = settings_.timeout;
    request.user_agent = "sockdog/" SOCKDOG_VERSION;
    request.body = message.body;
    request.headers = message.headers;
    request.headers.push_back("Content-Type: " + message.content_type);
    // No 100-continue: it costs a round trip, or a second where it is not understood.
    request.headers.emplace_back("Expect:");
    return judge(http_->post(request));
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
