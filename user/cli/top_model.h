// What `sockdog top` shows, without a terminal: lines of text with their tones, and what a key does. One
// thread.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"
#include "cli/style.h"
#include "query/views.h"

namespace sockdog {

struct TopSample {
    std::string problem;  // why there is nothing new; empty: none
    StatusView status;
    std::vector<ProcessView> processes;
    std::vector<Incident> incidents;  // open ones
};

struct TopLine {
    std::string text;  // printable, no wider than asked for
    Tone tone = Tone::kPlain;
    bool reverse = false;  // headings and the selected process
};

/// Keys beside characters.
enum class TopKey : int { kUp = -1, kDown = -2, kPageUp = -3, kPageDown = -4, kHome = -5, kEnd = -6 };

class TopModel {
  public:
    /// Samples a sparkline is made of.
    static constexpr std::size_t kHistory = 24;

    /// `unicode`: the terminal can show block elements.
    TopModel(SortKey sort, bool unicode) : sort_(sort), unicode_(unicode) {}

    void add(TopSample sample);
    /// False: the user wants to leave. Unknown keys do nothing.
    bool on_key(int key);
    /// Exactly `height` lines, each at most `width` columns.
    [[nodiscard]] std::vector<TopLine> lines(std::size_t width, std::size_t height);
    [[nodiscard]] bool paused() const { return paused_; }

  private:
    struct Known {
        std::deque<std::uint32_t> sockets;  // oldest first
        std::uint64_t seen_in = 0;
    };
    [[nodiscard]] std::string sparkline(const std::deque<std::uint32_t>& values) const;
    [[nodiscard]] std::vector<const ProcessView*> sorted() const;
    [[nodiscard]] TopLine row(const ProcessView& process, std::size_t width) const;
    void add_incidents(std::vector<TopLine>& lines, std::size_t width, std::size_t most) const;
    void move(std::ptrdiff_t by);

    SortKey sort_;
    bool unicode_;
    bool paused_ = false;
    bool all_ = false;  // also processes without sockets
    TopSample sample_;
    std::uint64_t samples_ = 0;
    std::map<ProcessId, Known> known_;
    ProcessId selected_;
    std::size_t page_ = 10;  // rows that were shown last
};

}  // namespace sockdog
