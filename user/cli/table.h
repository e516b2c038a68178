// A table that fits the terminal: elastic columns give way first (an ellipsis shows it), then the least
// important columns go. Promises: every cell passes through printable(), so that hostile names cannot move
// the cursor; a line is never longer than the width while a column can still give way; no trailing blanks.
// Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/style.h"

namespace sockdog {

enum class Align : std::uint8_t { kLeft, kRight };

struct Column {
    std::string title;
    Align align = Align::kLeft;
    /// 0 stays whatever happens; the highest number goes first.
    int expendable = 0;
    /// Columns below which it is not truncated; 0: never truncated.
    std::size_t elastic_to = 0;
    /// Not shown at all where every cell is empty.
    bool hide_if_empty = false;
};

struct Cell {
    // Implicit: a row is a list of texts.
    // NOLINTBEGIN(google-explicit-constructor)
    Cell(std::string t, Tone n = Tone::kPlain) : text(std::move(t)), tone(n) {}
    Cell(const char* t) : text(t) {}
    // NOLINTEND(google-explicit-constructor)
    std::string text;
    Tone tone = Tone::kPlain;
};

class Table {
  public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// One cell a column; missing ones are empty.
    void add(std::vector<Cell> row);
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    /// Heading and rows, each line ended by a newline.
    [[nodiscard]] std::string render(const Style& style) const;

  private:
    [[nodiscard]] std::vector<std::size_t> natural_widths() const;
    [[nodiscard]] std::vector<std::size_t> fit(std::size_t width) const;

    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

}  // namespace sockdog
