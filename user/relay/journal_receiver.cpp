#include "relay/journal_receiver.h"

#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "relay/format.h"

namespace sockdog {
namespace {

constexpr const char* kSocket = "/run/systemd/journal/socket";
/// Of all entries of sockdog about incidents: journalctl MESSAGE_ID=...
constexpr const char* kMessageId = "7d4bb6cf9a0e4b0c8a52f1f36a2d9c11";

}  // namespace

Result<std::unique_ptr<Receiver>> JournalReceiver::create(const ReceiverSettings& settings,
                                                          const Sender& sender) {
    return std::unique_ptr<Receiver>(new JournalReceiver(settings, sender));
}

std::optional<std::string> JournalReceiver::render(const Revision& revision) const {
    return render_event(revision, sender_);
}

std::vector<std::string> journal_fields(const OutboxItem& item) {
    using Pointer = nlohmann::json::json_pointer;
    const auto body = parsed(item);
    const std::string event = body.value("event", std::string());
    const bool critical = body.value("severity", std::string()) == "critical";
    const int priority = event == "resolved" ? LOG_NOTICE : critical ? LOG_CRIT : LOG_WARNING;
    std::vector<std::string> fields{
        "MESSAGE=" + body.value("summary", std::string("an incident of sockdog")),
        std::string("MESSAGE_ID=") + kMessageId,
        "PRIORITY=" + std::to_string(priority),
        "SYSLOG_IDENTIFIER=sockdog",
        "SOCKDOG_EVENT=" + event,
        "SOCKDOG_INCIDENT=" + id_of_identity(item.incident),
        "SOCKDOG_REVISION=" + std::to_string(item.revision),
        "SOCKDOG_IDEMPOTENCY_KEY=" + item.idempotency_key,
        "SOCKDOG_SEVERITY=" + body.value("severity", std::string()),
    };
    const auto add = [&](const char* name, const char* pointer) {
        const auto value = body.value(Pointer(pointer), std::string());
        if (!value.empty()) fields.push_back(name + ("=" + value));
    };
    add("SOCKDOG_CLASS", "/incident/latest/class");
    add("SOCKDOG_POLICY", "/incident/policy");
    add("SOCKDOG_UNIT", "/incident/owner/unit");
    add("SOCKDOG_EXECUTABLE", "/incident/owner/executable");
    add("SOCKDOG_ENDPOINT", "/incident/latest/endpoint");
    return fields;
}

Delivery JournalReceiver::deliver(std::span<const OutboxItem> items) {
    const auto retry = [](std::string detail) {
        return Delivery{Delivery::Verdict::kRetry, std::move(detail), std::nullopt};
    };
    if (stop_) return retry("interrupted");
    // sd_journal_sendv() calls it a success where there is no journal.
    if (::access(kSocket, W_OK) != 0) return retry(std::string("no journal at ") + kSocket);
    std::vector<std::string> fields = journal_fields(items.front());
    std::vector<iovec> parts;
    parts.reserve(fields.size());
    for (std::string& field : fields) parts.push_back({field.data(), field.size()});
    const int sent = sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
    if (sent < 0) return retry("journal: " + Error::from_errno("send", -sent).message);
    return {Delivery::Verdict::kDelivered, "in the journal", std::nullopt};
}

}  // namespace sockdog
