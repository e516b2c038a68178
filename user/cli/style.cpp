#include "cli/style.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace sockdog {
namespace {

/// Widths beyond this are a mistake or an attack on memory, not a terminal.
constexpr std::size_t kMaxWidth = 10000;

std::string_view variable(const char* name) {
    const char* value =
        std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here changes the environment
    return value == nullptr ? std::string_view{} : std::string_view{value};
}

bool speaks_utf8() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const std::string_view value = variable(name);
        if (value.empty()) continue;
        std::string lower(value);
        std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c);
        });
        return lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
    }
    return false;
}

std::size_t width_in(std::string_view text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > kMaxWidth) return 0;
    return value;
}

const char* escape(Tone tone) {
    switch (tone) {
        case Tone::kStrong:
            return "\033[1m";
        case Tone::kDim:
            return "\033[2m";
        case Tone::kGood:
            return "\033[32m";
        case Tone::kWarning:
            return "\033[33m";
        case Tone::kBad:
            return "\033[1;31m";
        case Tone::kPlain:
            break;
    }
    return "";
}

}  // namespace

Environment read_environment() {
    Environment environment;
    environment.socket = variable("SOCKDOG_SOCKET");
    environment.relay_socket = variable("SOCKDOG_RELAY_SOCKET");
    environment.no_color = !variable("NO_COLOR").empty();
    environment.columns = width_in(variable("COLUMNS"));
    environment.utf8 = speaks_utf8();
    environment.dumb = variable("TERM") == "dumb";
    return environment;
}

Style style_for(int fd, const Environment& environment, bool no_color) {
    Style style;
    style.utf8 = environment.utf8;
    style.width = environment.columns;
    const bool terminal = ::isatty(fd) == 1;
    winsize size{};
    if (terminal && ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) style.width = size.ws_col;
    style.color = terminal && !no_color && !environment.no_color && !environment.dumb;
    return style;
}

std::string paint(const Style& style, Tone tone, std::string_view text) {
    if (!style.color || tone == Tone::kPlain || text.empty()) return std::string(text);
    return std::string(escape(tone)) + std::string(text) + "\033[0m";
}

}  // namespace sockdog
