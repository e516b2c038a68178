#include "cli/top_model.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "cli/render.h"

namespace sockdog {
namespace {

constexpr std::array<std::string_view, 8> kBlocks{"\u2581", "\u2582", "\u2583", "\u2584",
                                                  "\u2585", "\u2586", "\u2587", "\u2588"};
constexpr std::string_view kAscii = "_.-=+*#@";

struct SortKeyOf {
    char key;
    SortKey sort;
    std::string_view name;
};
constexpr std::array<SortKeyOf, 5> kSorts{{{'c', SortKey::kCloseWait, "CLOSE_WAIT"},
                                           {'t', SortKey::kTotal, "total"},
                                           {'e', SortKey::kEstablished, "ESTABLISHED"},
                                           {'d', SortKey::kDead, "dead"},
                                           {'n', SortKey::kName, "name"}}};

std::uint64_t value_of(const ProcessView& process, SortKey sort) {
    switch (sort) {
        case SortKey::kTotal:
            return process.gauges.total();
        case SortKey::kEstablished:
            return process.gauges.in(TcpState::kEstablished);
        case SortKey::kDead:
            return process.gauges.in(TcpState::kClose);
        default:
            return process.gauges.in(TcpState::kCloseWait);
    }
}

/// Columns that a text takes: one a character; printable() left nothing wider in names but what is rare.
std::size_t columns_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string cut(std::string_view text, std::size_t columns) {
    std::size_t at = 0;
    std::size_t taken = 0;
    while (at < text.size()) {
        std::size_t next = at + 1;
        while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xc0) == 0x80) ++next;
        if (taken == columns) return std::string(text.substr(0, at));
        ++taken;
        at = next;
    }
    return std::string(text);
}

std::string left(std::string_view text, std::size_t columns) {
    std::string out = cut(text, columns);
    return out + std::string(columns - columns_of(out), ' ');
}

std::string right(std::uint64_t value, std::size_t columns) {
    const std::string text = std::to_string(value);
    return text.size() >= columns ? text : std::string(columns - text.size(), ' ') + text;
}

constexpr std::size_t kNameColumns = 28;
constexpr std::size_t kNumberColumns = 11;

std::string heading() {
    std::string text = left("    PID", 8) + " " + left("NAME", kNameColumns);
    for (const char* title : {"CLOSE_WAIT", "ESTAB", "LISTEN", "DEAD", "TOTAL"})
        text += std::string(kNumberColumns - std::string_view(title).size(), ' ') + title;
    return text + "  TREND";
}

}  // namespace

void TopModel::add(TopSample sample) {
    if (paused_) return;
    if (!sample.problem.empty()) {
        sample_.problem = std::move(sample.problem);
        return;
    }
    sample_ = std::move(sample);
    ++samples_;
    for (const ProcessView& process : sample_.processes) {
        Known& known = known_[process.owner.process];
        known.seen_in = samples_;
        known.sockets.push_back(process.gauges.total());
        if (known.sockets.size() > kHistory) known.sockets.pop_front();
    }
    std::erase_if(known_, [&](const auto& entry) { return entry.second.seen_in != samples_; });
}

std::string TopModel::sparkline(const std::deque<std::uint32_t>& values) const {
    const auto [low, high] = std::ranges::minmax(values);
    std::string out;
    for (const std::uint32_t value : values) {
        // A level that does not move is low, whatever its height: growth is what matters.
        const std::size_t level = high == low ? 0 : (value - low) * (kBlocks.size() - 1) / (high - low);
        out += unicode_ ? std::string(kBlocks[level]) : std::string(1, kAscii[level]);
    }
    return out;
}

std::vector<const ProcessView*> TopModel::sorted() const {
    std::vector<const ProcessView*> rows;
    for (const ProcessView& process : sample_.processes)
        if (all_ || process.gauges.total() > 0) rows.push_back(&process);
    std::ranges::stable_sort(rows, [this](const ProcessView* a, const ProcessView* b) {
        if (sort_ == SortKey::kName) return name_of(a->owner) < name_of(b->owner);
        return std::pair(value_of(*b, sort_), b->gauges.total()) <
               std::pair(value_of(*a, sort_), a->gauges.total());
    });
    return rows;
}

TopLine TopModel::row(const ProcessView& process, std::size_t width) const {
    const Gauges& g = process.gauges;
    std::string text = process.owner.process.known() ? right(process.owner.process.pid, 8) : "       -";
    text += " " + left(printable(name_of(process.owner)), kNameColumns);
    for (const std::uint64_t value : {g.in(TcpState::kCloseWait), g.in(TcpState::kEstablished),
                                      g.in(TcpState::kListen), g.in(TcpState::kClose), g.total()})
        text += right(value, kNumberColumns);
    const auto known = known_.find(process.owner.process);
    if (known != known_.end()) text += "  " + sparkline(known->second.sockets);
    return {cut(text, width), process.incidents.empty() ? Tone::kPlain : Tone::kWarning,
            process.owner.process == selected_};
}

void TopModel::add_incidents(std::vector<TopLine>& lines, std::size_t width, std::size_t most) const {
    const std::size_t count = sample_.incidents.size();
    lines.push_back({left(" Open incidents: " + std::to_string(count), width), Tone::kPlain, true});
    for (std::size_t i = 0; i < count && i + 1 < most; ++i) {
        const Incident& incident = sample_.incidents[i];
        const bool critical = incident.latest.severity == Severity::kCritical;
        lines.push_back({cut(incident.id + " " + summary(incident), width),
                         critical ? Tone::kBad : Tone::kWarning, false});
    }
}

std::vector<TopLine> TopModel::lines(std::size_t width, std::size_t height) {
    std::vector<TopLine> out;
    const StatusView& s = sample_.status;
    out.push_back({cut("sockdog " + s.version + "   " + std::to_string(s.sockets) + " sockets of " +
                           std::to_string(s.processes) + " processes, " +
                           std::to_string(s.totals.in(TcpState::kCloseWait)) + " in CLOSE_WAIT" +
                           (paused_ ? "   PAUSED" : ""),
                       width),
                   Tone::kPlain, false});
    if (!sample_.problem.empty())
        out.push_back({cut(printable(sample_.problem) + "; what is shown is old", width), Tone::kBad, false});
    out.push_back({left(heading(), width), Tone::kPlain, true});

    const std::size_t incidents =
        std::min(sample_.incidents.size() + 1, std::max<std::size_t>(height / 3, 1));
    const std::size_t below = incidents + 1;  // and the keys
    const std::size_t room = height > out.size() + below ? height - out.size() - below : 0;
    page_ = std::max<std::size_t>(room, 1);
    const auto rows = sorted();
    const auto at =
        std::ranges::find(rows, selected_, [](const ProcessView* one) { return one->owner.process; });
    const auto place = static_cast<std::size_t>(at - rows.begin());
    const std::size_t first = at == rows.end() || place < room ? 0 : place - room + 1;
    for (std::size_t i = first; i < rows.size() && i < first + room; ++i) out.push_back(row(*rows[i], width));
    while (out.size() + below < height) out.push_back({});
    add_incidents(out, width, incidents);
    std::string keys = " q quit  c t e d n sort (by ";
    for (const SortKeyOf& one : kSorts)
        if (one.sort == sort_) keys += one.name;
    keys += ")  a " + std::string(all_ ? "with sockets" : "all") + "  space " +
            (paused_ ? "go on" : "pause") + "  arrows select";
    out.resize(height > 0 ? height - 1 : 0);
    if (height > 0) out.push_back({left(keys, width), Tone::kPlain, true});
    return out;
}

void TopModel::move(std::ptrdiff_t by) {
    const auto rows = sorted();
    if (rows.empty()) return;
    const auto at =
        std::ranges::find(rows, selected_, [](const ProcessView* one) { return one->owner.process; });
    const std::ptrdiff_t from = at == rows.end() ? (by > 0 ? -1 : 0) : at - rows.begin();
    const auto last = static_cast<std::ptrdiff_t>(rows.size()) - 1;
    selected_ = rows[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(from + by, 0, last))]->owner.process;
}

bool TopModel::on_key(int key) {
    for (const SortKeyOf& one : kSorts)
        if (key == one.key) sort_ = one.sort;
    const auto page = static_cast<std::ptrdiff_t>(page_);
    constexpr std::ptrdiff_t kFar = 1 << 20;
    if (key == 'a') all_ = !all_;
    if (key == ' ' || key == 'p') paused_ = !paused_;
    if (key == static_cast<int>(TopKey::kUp)) move(-1);
    if (key == static_cast<int>(TopKey::kDown)) move(1);
    if (key == static_cast<int>(TopKey::kPageUp)) move(-page);
    if (key == static_cast<int>(TopKey::kPageDown)) move(page);
    if (key == static_cast<int>(TopKey::kHome)) move(-kFar);
    if (key == static_cast<int>(TopKey::kEnd)) move(kFar);
    return key != 'q' && key != 'Q';
}

}  // namespace sockdog
