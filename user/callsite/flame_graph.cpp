#include "callsite/flame_graph.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "base/text.h"

namespace sockdog {
namespace {

constexpr double kMargin = 10;
constexpr double kRow = 18;
constexpr double kHead = 40;
constexpr double kLetter = 6.6;  // of the 11 pixel monospaced font
constexpr double kNarrowest = 0.3;
constexpr std::size_t kDeepest = 256;

struct Node {
    std::uint64_t count = 0;
    FrameOrigin origin = FrameOrigin::kUnknown;
    std::string long_text;
    std::map<std::string, Node> callees;  // by text: the order of the drawing
};

Node grow(std::span<const CountedSite> sites) {
    Node root;
    for (const CountedSite& counted : sites) {
        if (!counted.site || counted.count == 0) continue;
        root.count += counted.count;
        Node* node = &root;
        std::size_t depth = 0;
        const auto& frames = counted.site->frames;
        for (auto at = frames.rbegin(); at != frames.rend() && depth < kDeepest; ++at, ++depth) {
            const CallFrame& frame = *at;
            node = &node->callees[to_string(frame)];
            node->count += counted.count;
            node->origin = frame.origin;
            node->long_text = to_long_string(frame);
        }
    }
    return root;
}

std::size_t depth_of(const Node& node) {
    std::size_t deepest = 0;
    for (const auto& [text, callee] : node.callees) deepest = std::max(deepest, depth_of(callee) + 1);
    return deepest;
}

std::uint32_t hash(std::string_view text) {
    std::uint32_t value = 2166136261U;  // FNV-1a
    for (const char byte : text) value = (value ^ static_cast<unsigned char>(byte)) * 16777619U;
    return value;
}

/// A hue for whose code it is, and a shade for the name.
std::string colour(FrameOrigin origin, std::string_view text) {
    const std::uint32_t shade = hash(text) % 24;
    const auto hsl = [shade](unsigned hue, unsigned saturation, unsigned lightness) {
        return "hsl(" + std::to_string(hue + shade / 2) + "," + std::to_string(saturation) + "%," +
               std::to_string(lightness + shade / 2) + "%)";
    };
    switch (origin) {
        case FrameOrigin::kApplication:
            return hsl(12, 85, 58);
        case FrameOrigin::kLibrary:
            return hsl(44, 70, 64);
        case FrameOrigin::kRuntime:
            return hsl(200, 30, 70);
        case FrameOrigin::kUnknown:
            break;
    }
    return hsl(0, 0, 76);
}

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

/// As many whole characters of UTF-8 as fit; empty where not even three do.
std::string fit(std::string_view text, double width) {
    const auto letters = static_cast<std::size_t>(std::max(0.0, (width - 6) / kLetter));
    if (text.size() <= letters) return std::string(text);
    if (letters < 3) return {};
    std::size_t end = letters - 2;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) end--;
    return std::string(text.substr(0, end)) + "..";
}

struct Canvas {
    std::string svg;
    double bottom = 0;
    double scale = 0;  // pixels a connection
    std::uint64_t total = 0;
    std::string unit;

    void box(const Node& node, const std::string& text, double x, std::size_t level) {
        const double width = static_cast<double>(node.count) * scale;
        const double y = bottom - static_cast<double>(level + 1) * kRow;
        const double share = 100.0 * static_cast<double>(node.count) / static_cast<double>(total);
        svg += "<g><title>" + escape_xml(node.long_text.empty() ? text : node.long_text) + " (" +
               std::to_string(node.count) + " " + escape_xml(unit) + ", " + number(share) + "%)</title>";
        svg += "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(width) +
               "\" height=\"" + number(kRow - 1) + "\" fill=\"" + colour(node.origin, text) + "\" rx=\"2\"/>";
        if (const std::string label = fit(printable(text), width); !label.empty())
            svg += "<text x=\"" + number(x + 3) + "\" y=\"" + number(y + 12.5) + "\">" + escape_xml(label) +
                   "</text>";
        svg += "</g>\n";
    }

    void callees(const Node& node, double x, std::size_t level) {
        for (const auto& [text, callee] : node.callees) {
            const double width = static_cast<double>(callee.count) * scale;
            if (width >= kNarrowest) {
                box(callee, text, x, level);
                callees(callee, x, level + 1);
            }
            x += width;
        }
    }
};

}  // namespace

std::string escape_xml(std::string_view text) {
    std::string plain;
    for (const char c : printable(text)) {
        switch (c) {
            case '&':
                plain += "&amp;";
                break;
            case '<':
                plain += "&lt;";
                break;
            case '>':
                plain += "&gt;";
                break;
            case '"':
                plain += "&quot;";
                break;
            case '\'':
                plain += "&#39;";
                break;
            default:
                plain += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
        }
    }
    return plain;
}

std::string draw_flame_graph(std::span<const CountedSite> sites, const FlameGraphOptions& options) {
    const Node root = grow(sites);
    const double width = std::max(200U, options.width);
    const double height = kHead + static_cast<double>(depth_of(root) + 1) * kRow + kMargin;
    Canvas canvas{.svg = {},
                  .bottom = height - kMargin,
                  .scale = root.count > 0 ? (width - 2 * kMargin) / static_cast<double>(root.count) : 0,
                  .total = std::max<std::uint64_t>(root.count, 1),
                  .unit = options.unit};
    canvas.svg =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" +
        number(width) + "\" height=\"" + number(height) + "\" viewBox=\"0 0 " + number(width) + " " +
        number(height) +
        "\" font-family=\"monospace\" font-size=\"11\">\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#fdfdfb\"/>\n<text x=\"" +
        number(width / 2) + "\" y=\"24\" font-size=\"16\" text-anchor=\"middle\">" +
        escape_xml(options.title) + "</text>\n";
    if (root.count > 0) canvas.box(root, "all", kMargin, 0);
    canvas.callees(root, kMargin, 1);
    return canvas.svg + "</svg>\n";
}

}  // namespace sockdog
