// The receiver "slack": incoming webhooks, also of Mattermost and Rocket.Chat. Slack takes one message a
// second and cuts texts of sections at 3000 characters.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "incident/json.h"
#include "relay/format.h"
#include "relay/severity.h"

namespace sockdog {
namespace {

constexpr std::size_t kLineBytes = 600;
constexpr std::size_t kTextBytes = 2900;
constexpr std::size_t kLines = 16;  // of one message

/// The three characters that Slack's markup is made of.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else
            out += c;
    }
    return out;
}

std::string_view sign_of(const Revision& revision) {
    if (revision.kind == RevisionKind::kResolved) return ":white_check_mark:";
    if (revision.kind == RevisionKind::kRemedied) return ":wrench:";
    return severity_of(revision) == Severity::kCritical ? ":red_circle:" : ":warning:";
}

class SlackFormat : public Format {
  public:
    [[nodiscard]] std::optional<std::string> render(const Revision& revision,
                                                    const Sender& sender) const override {
        if (revision.kind == RevisionKind::kGrew) return std::nullopt;
        const std::string line = escaped(shortened(json_safe(headline(revision)), kLineBytes));
        const std::string where = escaped(sender.host_name) + "` `" + revision.incident.id;
        return dump({{"text", std::string(sign_of(revision)) + " `" + where + "` " + line}});
    }

    [[nodiscard]] Message message(std::span<const OutboxItem> items, const Sending&) const override {
        std::string text;
        std::size_t left = items.size();
        for (const OutboxItem& item : items) {
            std::string line = parsed(item).value("text", std::string());
            if (item.kind == OutboxKind::kRepeat) line.insert(0, "still open: ");
            if (text.size() + line.size() + 1 > kTextBytes) break;
            text += (text.empty() ? "" : "\n") + line;
            --left;
        }
        if (left > 0) text += "\n... and " + std::to_string(left) + " more: `sockdog incidents`";
        return {.body = dump({{"text", text}, {"unfurl_links", false}})};
    }
    [[nodiscard]] std::size_t most_at_once() const override { return kLines; }
    [[nodiscard]] Duration spacing() const override { return 1s; }
};

}  // namespace

std::unique_ptr<Format> slack_format() {
    return std::make_unique<SlackFormat>();
}

}  // namespace sockdog
