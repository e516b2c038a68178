// YAML text as one checked document whose values know where they stand. Bounded: 1 MiB of text, nesting,
// alias visits. The only header that shows yaml-cpp; its exceptions end in document.cpp. One load, one
// thread.
#pragma once

#include <yaml-cpp/yaml.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/complaints.h"

namespace sockdog {

/// A node and the key it was found under. An empty value (`tick:`) stands where its key does.
struct Value {
    YAML::Node node;
    Place place;
    std::string key;
    Place key_place;
};

/// Parses one file. Nothing, with the reasons in `complaints`, where the text is no single YAML mapping; a
/// null node where the file is empty.
std::optional<Value> parse_document(std::string_view text, std::size_t file, Complaints& complaints);

/// Reads the values of one object: complains with places and remembers where each key was set.
class Reader {
  public:
    /// `visits` counts over all readers of one load: what aliases unfold to is bounded.
    Reader(Complaints& complaints, std::size_t& visits) : complaints_(complaints), visits_(visits) {}

    void complain(Place place, std::string text) { complaints_.add(place, std::move(text)); }
    /// "KEY is VALUE; allowed is EXPECTS", and the nearest of `candidates`.
    void reject(const Value& value, const std::string& expects,
                const std::vector<std::string>& candidates = {});
    void reject_key(const Value& value, const std::vector<std::string>& allowed);

    /// The pairs of a mapping in file order, `<<` merged in, each key once. Complains about duplicates, keys
    /// that are no words, and values that are no mapping (`expects` says of what). An empty value has no
    /// pairs.
    std::vector<Value> pairs(const Value& mapping, const std::string& expects);
    /// The items of a list, each under the list's key. A single scalar is no list.
    std::vector<Value> items(const Value& list, const std::string& expects);
    /// The text of a scalar; nothing (and a complaint) for other values, empty values and texts with a NUL
    /// byte.
    std::optional<std::string> scalar(const Value& value, const std::string& expects);

    /// Enters a key: until left, keys are remembered as "KEY.inner".
    void enter(const Value& value);
    void leave();
    /// Where "idle_growth.window" was set last; nothing where no file sets it.
    [[nodiscard]] std::optional<Place> where(const std::string& path) const;

    /// Whether any key below `path` is set, a known one or not.
    [[nodiscard]] bool any_below(const std::string& path) const;

    /// Lists whose items are read after everything else, by key: policies need the final defaults.
    std::map<std::string, std::vector<Value>> deferred;

  private:
    void collect(const Value& mapping, int depth, std::map<std::string, Place>& seen,
                 std::vector<Value>& found);
    void merge(const Value& merged, int depth, std::map<std::string, Place>& seen, std::vector<Value>& found);
    bool spend(Place place, std::size_t visits);

    Complaints& complaints_;
    std::size_t& visits_;
    std::vector<std::string> path_;
    std::map<std::string, Place> places_;
};

}  // namespace sockdog
