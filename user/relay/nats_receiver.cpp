#include "relay/nats_receiver.h"

#include <nats/nats.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "relay/format.h"
#include "relay/secrets.h"

namespace sockdog {
namespace {

struct Destroy {
    void operator()(natsOptions* o) const { natsOptions_Destroy(o); }
    void operator()(natsConnection* c) const { natsConnection_Destroy(c); }
    void operator()(jsCtx* js) const { jsCtx_Destroy(js); }
    void operator()(jsPubAck* ack) const { jsPubAck_Destroy(ack); }
};
template <typename T>
using Nats = std::unique_ptr<T, Destroy>;

// JetStream's own codes, of its server's error list: this message will never be taken.
constexpr int kTooLarge = 10054;
// libnats cannot be interrupted while it connects; a server greets at once, or is in trouble.
constexpr Duration kConnect = 5s;
constexpr std::array kNames{"host", "host_id", "class", "event", "unit"};

std::string token(const std::string& text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte <= ' ' || byte == 0x7f || c == '.' || c == '*' || c == '>' ? '_' : c;
    }
    return out.empty() ? "_" : out;
}

std::string value_of(const nlohmann::json& body, std::string_view name) {
    using Pointer = nlohmann::json::json_pointer;
    if (name == "host") return body.value(Pointer("/host/name"), std::string());
    if (name == "host_id") return body.value(Pointer("/host/id"), std::string());
    if (name == "event") return body.value("event", std::string());
    if (name == "class") return body.value(Pointer("/incident/first/class"), std::string());
    return body.value(Pointer("/incident/owner/unit"), std::string());
}

}  // namespace

Status check_nats_subject(const std::string& subject) {
    for (const std::string& one : split(subject, '.')) {
        std::string rest = one;
        for (const char* name : kNames) {
            const std::string place = "{" + std::string(name) + "}";
            for (std::size_t at = rest.find(place); at != std::string::npos; at = rest.find(place))
                rest.replace(at, place.size(), "x");
        }
        const auto allowed = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                   c == '_' || c == '$';
        };
        if (rest.empty() || !std::all_of(rest.begin(), rest.end(), allowed))
            return make_error("subject: \"" + printable(one) +
                                  "\" is no token; allowed are letters, digits, - _ $ and {host} {host_id} "
                                  "{class} {event} {unit}, with dots between tokens",
                              EINVAL);
    }
    return Ok{};
}

std::string nats_subject(const std::string& subject, const std::string& body) {
    auto json = nlohmann::json::parse(body, nullptr, false);
    if (!json.is_object()) json = nlohmann::json::object();
    std::string out = subject;
    for (const char* name : kNames) {
        const std::string place = "{" + std::string(name) + "}";
        const std::string value = token(value_of(json, name));
        for (std::size_t at = out.find(place); at != std::string::npos;
             at = out.find(place, at + value.size()))
            out.replace(at, place.size(), value);
    }
    return out;
}

struct NatsReceiver::Impl {
    std::vector<std::string> servers;
    std::mutex mutex;
    natsConnection* running = nullptr;  // guarded by mutex; of the attempt that runs
    std::atomic<bool> stop = false;

    Result<Nats<natsConnection>> connect(const ReceiverSettings& settings);
    natsStatus publish(jsCtx* js, const ReceiverSettings& settings, const OutboxItem& item, jsErrCode& code);
};

NatsReceiver::NatsReceiver(ReceiverSettings settings, Sender sender)
    : settings_(std::move(settings)), sender_(std::move(sender)), impl_(std::make_unique<Impl>()) {}

NatsReceiver::~NatsReceiver() = default;

Result<std::unique_ptr<Receiver>> NatsReceiver::create(const ReceiverSettings& settings,
                                                       const Sender& sender) {
    std::unique_ptr<NatsReceiver> receiver(new NatsReceiver(settings, sender));
    auto url = read_secret("url_file", settings.url_file);
    if (!url) return url.error();
    for (const std::string& part : split(url->empty() ? settings.url : *url, ',')) {
        const std::string server(trim(part));
        const bool known = server.starts_with("nats://") || server.starts_with("tls://");
        if (!known || server.find_first_of(" \t\r\n") != std::string::npos || server.ends_with("//"))
            return make_error(
                "bad url; allowed are nats://HOST:PORT and tls://HOST:PORT, with commas between", EINVAL);
        receiver->impl_->servers.push_back(server);
    }
    if (auto good = check_nats_subject(settings.subject); !good) return good.error();
    if (auto anchors = check_ca_file(settings.ca_file); !anchors) return anchors.error();
    if (auto read = read_secret("credentials_file", settings.credentials_file); !read) return read.error();
    return std::unique_ptr<Receiver>(std::move(receiver));
}

std::optional<std::string> NatsReceiver::render(const Revision& revision) const {
    return render_event(revision, sender_);
}

void NatsReceiver::interrupt() {
    impl_->stop = true;
    const std::lock_guard lock(impl_->mutex);
    if (impl_->running != nullptr) natsConnection_Close(impl_->running);
}

Result<Nats<natsConnection>> NatsReceiver::Impl::connect(const ReceiverSettings& settings) {
    natsOptions* made = nullptr;
    natsStatus status = natsOptions_Create(&made);
    const Nats<natsOptions> options(made);
    std::vector<const char*> urls;
    bool tls = !settings.ca_file.empty();
    for (const std::string& server : servers) {
        urls.push_back(server.c_str());
        tls = tls || server.starts_with("tls://");
    }
    const auto timeout =
        std::chrono::ceil<std::chrono::milliseconds>(std::min(settings.timeout, kConnect)).count();
    if (status == NATS_OK) status = natsOptions_SetServers(made, urls.data(), static_cast<int>(urls.size()));
    if (status == NATS_OK)
        status = natsOptions_SetTimeout(made, timeout / static_cast<long>(urls.size()) + 1);
    if (status == NATS_OK) status = natsOptions_SetAllowReconnect(made, false);
    if (status == NATS_OK) status = natsOptions_SetName(made, "sockdog-relay");
    if (status == NATS_OK && tls) status = natsOptions_SetSecure(made, true);
    if (status == NATS_OK && !settings.ca_file.empty())
        status = natsOptions_LoadCATrustedCertificates(made, settings.ca_file.c_str());
    if (status == NATS_OK && !settings.credentials_file.empty())
        status = natsOptions_SetUserCredentialsFromFiles(made, settings.credentials_file.c_str(), nullptr);
    natsConnection* connection = nullptr;
    if (status == NATS_OK) status = natsConnection_Connect(&connection, made);
    if (status == NATS_OK) return Nats<natsConnection>(connection);
    return make_error(std::string("NATS: ") + natsStatus_GetText(status));
}

natsStatus NatsReceiver::Impl::publish(jsCtx* js, const ReceiverSettings& settings, const OutboxItem& item,
                                       jsErrCode& code) {
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MsgId = item.idempotency_key.c_str();
    options.MaxWait = std::chrono::ceil<std::chrono::milliseconds>(settings.timeout).count();
    jsPubAck* ack = nullptr;
    const std::string subject = nats_subject(settings.subject, item.body);
    const natsStatus status = js_Publish(&ack, js, subject.c_str(), item.body.data(),
                                         static_cast<int>(item.body.size()), &options, &code);
    const Nats<jsPubAck> freed(ack);
    return status;
}

Delivery NatsReceiver::deliver(std::span<const OutboxItem> items) {
    const auto retry = [](const std::string& detail) {
        return Delivery{Delivery::Verdict::kRetry, printable(detail), std::nullopt};
    };
    if (impl_->stop) return retry("interrupted");
    auto connection = impl_->connect(settings_);
    if (!connection) return retry(connection.error().message);
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->running = connection->get();
    }
    jsCtx* context = nullptr;
    jsErrCode code{};
    natsStatus status = natsConnection_JetStream(&context, connection->get(), nullptr);
    const Nats<jsCtx> js(context);
    for (const OutboxItem& item : items) {
        if (status != NATS_OK || impl_->stop) break;
        status = impl_->publish(context, settings_, item, code);
    }
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->running = nullptr;
    }
    if (impl_->stop) return retry("interrupted");
    if (status == NATS_OK) return {Delivery::Verdict::kDelivered, "acknowledged", std::nullopt};
    std::string detail = std::string("NATS: ") + natsStatus_GetText(status);
    if (code != 0) detail += " (JetStream error " + std::to_string(static_cast<int>(code)) + ")";
    if (status == NATS_NO_RESPONDERS)
        detail += ": no stream takes the subject; add one, as `nats stream add` does, or set subject right";
    if (status == NATS_MAX_PAYLOAD || static_cast<int>(code) == kTooLarge)
        return {Delivery::Verdict::kRejected, detail, std::nullopt};
    return retry(detail);
}

}  // namespace sockdog
