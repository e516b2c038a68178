#include "cli/table.h"

#include <algorithm>
#include <numeric>

#include "base/text.h"
#include "cli/words.h"

namespace sockdog {
namespace {

constexpr std::size_t kGap = 2;

/// Width of the line; columns of width 0 are not shown.
std::size_t line_width(const std::vector<std::size_t>& widths) {
    const std::size_t sum = std::accumulate(widths.begin(), widths.end(), std::size_t{0});
    const auto shown =
        static_cast<std::size_t>(std::count_if(widths.begin(), widths.end(), [](auto w) { return w > 0; }));
    return shown == 0 ? 0 : sum + kGap * (shown - 1);
}

/// Takes columns of text from the widest elastic column until the line fits or none can give.
void shrink(std::vector<std::size_t>& widths, const std::vector<Column>& columns, std::size_t width) {
    std::size_t surplus = line_width(widths);
    if (surplus <= width) return;
    surplus -= width;
    while (surplus > 0) {
        std::size_t widest = widths.size();
        for (std::size_t i = 0; i < widths.size(); ++i) {
            if (columns[i].elastic_to == 0 || widths[i] <= columns[i].elastic_to) continue;
            if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
        }
        if (widest == widths.size()) return;
        // In one step where it is far wider than the screen: names may be a megabyte long.
        const std::size_t step = widths[widest] > 2 * width ? widths[widest] - 2 * width : 1;
        const std::size_t take = std::min({step, surplus, widths[widest] - columns[widest].elastic_to});
        widths[widest] -= take;
        surplus -= take;
    }
}

std::string pad(std::string_view text, std::size_t width, Align align, const Style& style, Tone tone) {
    const std::string clipped = clip(text, width, style.utf8);
    const std::size_t used = display_width(clipped);
    const std::string blanks(width > used ? width - used : 0, ' ');
    const std::string painted = paint(style, tone, clipped);
    return align == Align::kRight ? blanks + painted : painted + blanks;
}

void strip_trailing_blanks(std::string& line) {
    line.erase(line.find_last_not_of(' ') + 1);
}

}  // namespace

void Table::add(std::vector<Cell> row) {
    row.resize(columns_.size(), Cell{""});
    for (Cell& cell : row) cell.text = printable(cell.text);
    rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::natural_widths() const {
    std::vector<std::size_t> widths(columns_.size(), 0);
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < widths.size(); ++i)
            widths[i] = std::max(widths[i], display_width(row[i].text));
    }
    for (std::size_t i = 0; i < widths.size(); ++i) {
        if (widths[i] == 0 && columns_[i].hide_if_empty) continue;
        widths[i] = std::max(widths[i], display_width(columns_[i].title));
    }
    return widths;
}

std::vector<std::size_t> Table::fit(std::size_t width) const {
    const std::vector<std::size_t> natural = natural_widths();
    if (width == 0) return natural;
    std::vector<bool> dropped(columns_.size(), false);
    while (true) {
        std::vector<std::size_t> widths = natural;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            if (dropped[i]) widths[i] = 0;
        }
        shrink(widths, columns_, width);
        if (line_width(widths) <= width) return widths;
        std::size_t least = columns_.size();
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (dropped[i] || natural[i] == 0 || columns_[i].expendable == 0) continue;
            if (least == columns_.size() || columns_[i].expendable > columns_[least].expendable) least = i;
        }
        if (least == columns_.size()) return widths;  // what is left is worth a wrapped line
        dropped[least] = true;
    }
}

std::string Table::render(const Style& style) const {
    const std::vector<std::size_t> widths = fit(style.width);
    std::string out;
    const auto line = [&](auto text_of, auto tone_of) {
        std::string text;
        bool first = true;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            if (widths[i] == 0) continue;
            if (!first) text.append(kGap, ' ');
            first = false;
            text += pad(text_of(i), widths[i], columns_[i].align, style, tone_of(i));
        }
        strip_trailing_blanks(text);
        out += text + '\n';
    };
    line([&](std::size_t i) { return std::string_view(columns_[i].title); },
         [](std::size_t) { return Tone::kStrong; });
    for (const auto& row : rows_) {
        line([&](std::size_t i) { return std::string_view(row[i].text); },
             [&](std::size_t i) { return row[i].tone; });
    }
    return out;
}

}  // namespace sockdog
