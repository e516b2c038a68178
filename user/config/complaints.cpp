#include "config/complaints.h"

#include <algorithm>
#include <tuple>

#include "base/text.h"

namespace sockdog {
namespace {

// A file of another format complains at every line; nobody reads more than this, and a bomb may not fill the
// memory.
constexpr std::size_t kKept = 1000;
constexpr std::size_t kTold = 100;
constexpr std::size_t kValueShown = 80;

auto order(const Place& place) {
    return std::tie(place.file, place.line, place.column);
}

}  // namespace

std::size_t Complaints::add_file(std::string name) {
    files_.push_back(std::move(name));
    return files_.size() - 1;
}

void Complaints::add(Place place, std::string text) {
    if (!full()) complaints_.push_back(Complaint{place, std::move(text)});
}

bool Complaints::full() const {
    return complaints_.size() >= kKept;
}

Error Complaints::error() const {
    auto sorted = complaints_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return order(a.place) < order(b.place); });
    const auto same = [](const auto& a, const auto& b) {
        return order(a.place) == order(b.place) && a.text == b.text;
    };
    sorted.erase(std::unique(sorted.begin(), sorted.end(), same), sorted.end());

    std::string lines;
    for (std::size_t i = 0; i < sorted.size() && i < kTold; ++i) {
        const auto& [place, text] = sorted[i];
        if (!lines.empty()) lines += '\n';
        lines += printable(files_[place.file]);
        if (place.line > 0) lines += ':' + std::to_string(place.line) + ':' + std::to_string(place.column);
        lines += ": " + text;
    }
    if (sorted.size() > kTold) {
        const auto more = sorted.size() - kTold;
        lines += "\nand " + std::string(full() ? "at least " : "") + std::to_string(more) + " more";
    }
    return make_error(std::move(lines));
}

std::string Complaints::refer(Place to, Place from) const {
    if (to.file == from.file) return "line " + std::to_string(to.line);
    return printable(files_[to.file]) + ':' + std::to_string(to.line);
}

std::string shown(std::string_view text) {
    const bool cut = text.size() > kValueShown;
    return '"' + printable(text.substr(0, kValueShown)) + (cut ? "...\"" : "\"");
}

std::string listed(const std::vector<std::string>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
        text += words[i];
    }
    return text;
}

}  // namespace sockdog
