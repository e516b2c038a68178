#include <algorithm>

#include "base/text.h"
#include "config/document.h"

namespace sockdog {
namespace {

// Aliases let a small file name the same mapping thousands of times. The schema needs a few visits a key;
// this is far more than a file of 1 MiB needs without aliases that multiply.
constexpr std::size_t kMaxVisits = 100'000;
constexpr int kMaxMergeDepth = 16;
constexpr std::string_view kMergeKey = "<<";

std::string kind_of(const YAML::Node& node) {
    switch (node.Type()) {
        case YAML::NodeType::Map:
            return "a mapping";
        case YAML::NodeType::Sequence:
            return "a list";
        case YAML::NodeType::Scalar:
            return shown(node.Scalar());
        default:
            return "empty";
    }
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
    const auto near = nearest(word, candidates);
    return near ? "; did you mean \"" + *near + "\"?" : std::string();
}

Place place_in(const Value& parent, const YAML::Node& node) {
    const auto mark = node.Mark();
    return mark.is_null() ? parent.place : Place{parent.place.file, mark.line + 1, mark.column + 1};
}

}  // namespace

void Reader::reject(const Value& value, const std::string& expects,
                    const std::vector<std::string>& candidates) {
    if (complaints_.full()) return;
    std::string text = value.key + " is " + kind_of(value.node) + "; allowed is " + expects;
    if (value.node.IsScalar()) text += did_you_mean(value.node.Scalar(), candidates);
    complain(value.place, std::move(text));
}

void Reader::reject_key(const Value& value, const std::vector<std::string>& allowed) {
    enter(value);
    leave();
    if (complaints_.full()) return;
    complain(value.key_place, "unknown key " + shown(value.key) + "; allowed is " + listed(allowed) +
                                  did_you_mean(value.key, allowed));
}

bool Reader::spend(Place place, std::size_t visits) {
    if (visits_ > kMaxVisits) return false;
    visits_ += visits;
    if (visits_ <= kMaxVisits) return true;
    complain(place, "aliases and lists unfold to too many values; allowed are " + std::to_string(kMaxVisits));
    return false;
}

std::vector<Value> Reader::pairs(const Value& mapping, const std::string& expects) {
    std::vector<Value> found;
    if (mapping.node.IsNull()) return found;
    if (!mapping.node.IsMap()) {
        reject(mapping, expects);
        return found;
    }
    std::map<std::string, Place> seen;
    collect(mapping, 0, seen, found);
    return found;
}

// Own keys first, so that they win over merged ones; of merged mappings the first wins. As YAML 1.1 has it.
void Reader::collect(const Value& mapping, int depth, std::map<std::string, Place>& seen,
                     std::vector<Value>& found) {
    if (!spend(mapping.place, 1 + mapping.node.size())) return;
    std::map<std::string, Place> own;
    std::vector<Value> merges;
    for (const auto& pair : mapping.node) {
        const Place key_place = place_in(mapping, pair.first);
        if (!pair.first.IsScalar()) {
            complain(key_place, "a key is " + kind_of(pair.first) + "; allowed is a word");
            continue;
        }
        Value value{pair.second, place_in(mapping, pair.second), pair.first.Scalar(), key_place};
        if (value.node.IsNull()) value.place = key_place;  // yaml-cpp places it at the token that follows
        if (value.key == kMergeKey) {
            merges.push_back(std::move(value));
            continue;
        }
        const auto [first, is_new] = own.emplace(value.key, key_place);
        if (!is_new) {
            complain(key_place, "duplicate key " + shown(value.key) + "; the first is at " +
                                    complaints_.refer(first->second, key_place));
        } else if (seen.emplace(value.key, key_place).second) {
            found.push_back(std::move(value));
        }
    }
    for (const Value& merged : merges) merge(merged, depth + 1, seen, found);
}

void Reader::merge(const Value& merged, int depth, std::map<std::string, Place>& seen,
                   std::vector<Value>& found) {
    if (depth > kMaxMergeDepth) {
        complain(merged.key_place, "<< is nested too deeply; allowed are " + std::to_string(kMaxMergeDepth) +
                                       " levels (does an anchor merge itself?)");
    } else if (merged.node.IsMap()) {
        collect(merged, depth, seen, found);
    } else if (merged.node.IsSequence()) {
        if (!spend(merged.place, merged.node.size())) return;
        for (const auto& item : merged.node) {
            merge(Value{item, place_in(merged, item), merged.key, merged.key_place}, depth + 1, seen, found);
        }
    } else {
        reject(merged, "an alias of a mapping, or a list of them");
    }
}

std::vector<Value> Reader::items(const Value& list, const std::string& expects) {
    std::vector<Value> found;
    if (list.node.IsNull()) return found;
    if (!list.node.IsSequence()) {
        reject(list, expects);
        return found;
    }
    if (!spend(list.place, 1 + list.node.size())) return found;
    for (const auto& item : list.node) {
        found.push_back(Value{item, place_in(list, item), list.key, list.key_place});
    }
    return found;
}

std::optional<std::string> Reader::scalar(const Value& value, const std::string& expects) {
    if (value.node.IsScalar() && value.node.Scalar().find('\0') == std::string::npos)
        return value.node.Scalar();
    reject(value, expects);
    return std::nullopt;
}

void Reader::enter(const Value& value) {
    path_.push_back(path_.empty() ? value.key : path_.back() + '.' + value.key);
    places_[path_.back()] = value.place;
}

void Reader::leave() {
    path_.pop_back();
}

std::optional<Place> Reader::where(const std::string& path) const {
    const auto found = places_.find(path);
    return found == places_.end() ? std::nullopt : std::optional(found->second);
}

bool Reader::any_below(const std::string& path) const {
    const auto next = places_.lower_bound(path + '.');
    return next != places_.end() && next->first.starts_with(path + '.');
}

}  // namespace sockdog
