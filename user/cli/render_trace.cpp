#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "cli/render.h"
#include "cli/words.h"

namespace sockdog {
namespace {

/// Longest name of a state, "ESTABLISHED".
constexpr std::size_t kStateWidth = 11;

std::string padded(std::string text, std::size_t width) {
    const std::size_t used = display_width(text);
    if (used < width) text.append(width - used, ' ');
    return text;
}

std::string error_text(int error) {
    switch (error) {
        case ECONNRESET:
            return "reset by peer";
        case ETIMEDOUT:
            return "timed out";
        case ECONNREFUSED:
            return "refused";
        default:
            return std::strerror(error);
    }
}

Tone tone_of(const TraceEvent& event) {
    if (event.error != 0) return Tone::kBad;
    return event.to == TcpState::kCloseWait ? Tone::kWarning : Tone::kPlain;
}

}  // namespace

std::string render_trace(const TraceEvent& event, const Now& now, const Style& style) {
    const auto at = now.wall + std::chrono::duration_cast<std::chrono::milliseconds>(event.at - now.mono);
    const std::string change = padded(std::string(to_string(event.from)), kStateWidth) + " -> " +
                               padded(std::string(to_string(event.to)), kStateWidth);
    std::string pid = pid_text(event.owner);
    pid.insert(0, pid.size() < 7 ? 7 - pid.size() : 0, ' ');
    std::string line = format_clock(at) + " " + pid + " " +
                       padded(clip(printable(event.comm), 15, style.utf8), 15) + " " +
                       paint(style, tone_of(event), change) + " " + endpoint_text(event.local) + " -> " +
                       endpoint_text(event.remote);
    if (event.lived > Duration::zero()) line += "  lived " + format_duration(event.lived);
    if (event.error != 0) line += "  " + paint(style, Tone::kBad, error_text(event.error));
    return line + "\n";
}

}  // namespace sockdog
