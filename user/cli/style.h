// How text may look on the output at hand: its width, whether it takes colours and UTF-8. Plain values; any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sockdog {

enum class Tone : std::uint8_t { kPlain, kStrong, kDim, kGood, kWarning, kBad };

struct Style {
    std::size_t width = 0;  // columns; 0: unlimited
    bool color = false;
    bool utf8 = true;
};

/// What the environment says; read once at start.
struct Environment {
    std::string socket;        // SOCKDOG_SOCKET
    std::string relay_socket;  // SOCKDOG_RELAY_SOCKET
    bool no_color = false;     // NO_COLOR is set and not empty (no-color.org)
    std::size_t columns = 0;   // COLUMNS, 0 where it is no number
    bool utf8 = false;         // LC_ALL, LC_CTYPE or LANG, the first that is set
    bool dumb = false;         // TERM is "dumb"
};
Environment read_environment();

/// The style for output to `fd`: a terminal tells its width, anything else takes COLUMNS or is unlimited;
/// colours only on a terminal.
Style style_for(int fd, const Environment& environment, bool no_color);

/// `text` in that tone where the style takes colours, else as it is.
std::string paint(const Style& style, Tone tone, std::string_view text);

}  // namespace sockdog
