// Everything that is wrong with a configuration, collected with its place and told in file order. One load,
// one thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sockdog {

/// A position in one of the files of a load. Lines and columns count from 1; line 0 means the file as a
/// whole.
struct Place {
    std::size_t file = 0;
    int line = 0;
    int column = 0;
};

class Complaints {
  public:
    /// Registers a file; the number is what Place::file refers to. Files are told in the order of
    /// registration.
    std::size_t add_file(std::string name);
    void add(Place place, std::string text);

    [[nodiscard]] bool empty() const { return complaints_.empty(); }
    /// As many as are kept; wording more of them is wasted.
    [[nodiscard]] bool full() const;
    /// All complaints, one a line, each as "file:line:column: text"; the same one is told once.
    [[nodiscard]] Error error() const;
    /// "sockdog.yaml:12" (without the file when it is `from`'s own): for "the first is at ...".
    [[nodiscard]] std::string refer(Place to, Place from) const;

  private:
    struct Complaint {
        Place place;
        std::string text;
    };
    std::vector<std::string> files_;
    std::vector<Complaint> complaints_;
};

/// A value as it is shown in a message: quoted, printable, cut at 80 bytes.
std::string shown(std::string_view text);
/// "a, b or c"
std::string listed(const std::vector<std::string>& words);

}  // namespace sockdog
