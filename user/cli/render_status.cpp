#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "cli/losses.h"
#include "cli/render.h"
#include "cli/words.h"

namespace sockdog {
namespace {

constexpr std::size_t kStatusWidth = 11;

class Lines {
  public:
    explicit Lines(const Style& style) : style_(style) {}
    void add(std::string_view label, const std::string& text, Tone tone = Tone::kPlain) {
        std::string left(label);
        left.resize(kStatusWidth, ' ');
        out_ += left + paint(style_, tone, text) + "\n";
    }
    std::string take() { return std::move(out_); }

  private:
    const Style& style_;
    std::string out_;
};

std::string format_share(double share) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g %%", share * 100);
    return text;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
    if (whole == 0) return "";
    return " (" + std::to_string(part * 100 / whole) + " %)";
}

std::string totals_text(const Gauges& totals) {
    std::string out;
    for (const TcpState state : {TcpState::kEstablished, TcpState::kCloseWait, TcpState::kListen,
                                 TcpState::kFinWait2, TcpState::kClose, TcpState::kSynSent}) {
        if (totals.in(state) == 0) continue;
        const std::string name = state == TcpState::kClose ? "dead" : std::string(to_string(state));
        out += (out.empty() ? "" : ", ") + std::to_string(totals.in(state)) + " " + name;
    }
    return out.empty() ? "" : ": " + out;
}

void add_losses(Lines& lines, const LossCounters& losses) {
    const auto causes = loss_causes(losses);
    bool told = false;
    for (const LossCause& cause : causes) {
        if (cause.count == 0) continue;
        lines.add(told ? "" : "losses:", std::to_string(cause.count) + " " + cause.meaning,
                  cause.repaired ? Tone::kPlain : Tone::kWarning);
        told = true;
    }
    if (!told) lines.add("losses:", "none");
}

void add_incidents(Lines& lines, const StatusView& s) {
    if (s.open_incidents == 0) {
        lines.add("incidents:", "none open", Tone::kGood);
        return;
    }
    const std::uint32_t critical = std::min(s.critical_incidents, s.open_incidents);
    lines.add("incidents:",
              std::to_string(s.open_incidents) + " open: " + std::to_string(critical) + " critical, " +
                  count_of(s.open_incidents - critical, "warning") + " (sockdog incidents)",
              critical > 0 ? Tone::kBad : Tone::kWarning);
}

void add_config(Lines& lines, const StatusView& s, const Now& now) {
    lines.add("config:", printable(s.config_file) + ", read " +
                             format_duration(since(s.config_loaded_at, now)) + " ago");
    if (s.config_error.empty()) return;
    lines.add("", "the last reload failed, the settings before it apply:", Tone::kBad);
    for (const std::string& line : split(s.config_error, '\n')) {
        if (!trim(line).empty()) lines.add("", "  " + printable(line), Tone::kBad);
    }
}

void add_books(Lines& lines, const StatusView& s) {
    const bool kept = s.books_since < s.started_at;
    std::string text =
        kept ? "kept since " + format_local(s.books_since) + ", over restarts of sockdogd" : "";
    if (!s.books_pinned_at.empty())
        text += (kept ? "; " : "") + ("pinned at " + printable(s.books_pinned_at));
    if (!text.empty()) lines.add("books:", text);
    if (!s.books_not_pinned.empty())
        lines.add("books:", "not pinned: " + printable(s.books_not_pinned), Tone::kWarning);
}

void add_missing(Lines& lines, const StatusView& s) {
    for (const Capability& capability : s.capabilities) {
        if (capability.available) continue;
        lines.add("missing:",
                  printable(capability.name) + ": " + printable(capability.without) + " (sockdog doctor)",
                  Tone::kWarning);
    }
}

}  // namespace

std::string render_status(const StatusView& s, const Now& now, const Style& style) {
    Lines lines(style);
    lines.add("sockdogd:", printable(s.version) + ", pid " + std::to_string(s.pid) + ", running for " +
                               format_duration(since(s.started_at, now)) + " (since " +
                               format_local(s.started_at) + ")");
    add_books(lines, s);
    add_incidents(lines, s);
    lines.add("sockets:", std::to_string(s.sockets) + " of " + std::to_string(s.max_sockets) + " booked" +
                              percent(s.sockets, s.max_sockets) + totals_text(s.totals));
    lines.add("processes:", std::to_string(s.processes) + " of " + std::to_string(s.max_processes) +
                                " booked" + percent(s.processes, s.max_processes));
    add_losses(lines, s.losses);
    lines.add("remedies:", s.held ? "on hold: " + printable(*s.held) : "not held",
              s.held ? Tone::kWarning : Tone::kPlain);
    add_config(lines, s, now);
    add_missing(lines, s);
    lines.add("itself:", format_bytes(s.memory_bytes) + " memory, " +
                             format_duration(seconds_of(s.cpu_seconds)) + " CPU, " +
                             count_of(s.open_fds, "fd"));
    if (s.throttled > 0) {
        std::string text = count_of(s.throttled, "look") + " put off to stay below " +
                           format_share(s.cpu_share) + " of a core (cpu_share)";
        if (s.last_throttled) text += ", the last " + format_duration(since(*s.last_throttled, now)) + " ago";
        lines.add("throttled:", text, Tone::kWarning);
    }
    return lines.take();
}

}  // namespace sockdog
