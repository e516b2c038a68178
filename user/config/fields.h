// Tables of the keys of a mapping: one line a key with its name, member, parser and range. The same table
// reads the file, yields the keys that are allowed, and lists what must be documented. Any thread; the tables
// never change.
#pragma once

#include <bit>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/text.h"
#include "config/document.h"
#include "config/scalars.h"

namespace sockdog {

/// How one key of a T is read.
template <typename T>
struct Kind {
    std::string expects;  // the allowed values in words
    std::function<void(Reader&, const Value&, T&)> read;
    std::vector<std::string> below = {};  // keys of a section, dotted
};

template <typename T>
struct Field {
    std::string key;
    Kind<T> kind;
};

template <typename T>
using Schema = std::vector<Field<T>>;

template <typename T>
std::vector<std::string> keys_of(const Schema<T>& schema) {
    std::vector<std::string> keys;
    for (const auto& field : schema) keys.push_back(field.key);
    return keys;
}

/// All keys with those of the sections below: "idle_growth", "idle_growth.window", ...
template <typename T>
std::vector<std::string> dotted_keys(const Schema<T>& schema) {
    std::vector<std::string> keys;
    for (const auto& field : schema) {
        keys.push_back(field.key);
        for (const auto& below : field.kind.below) keys.push_back(field.key + '.' + below);
    }
    return keys;
}

/// Reads a mapping into `into`; keys that are not set leave their members as they are.
template <typename T>
void read_fields(Reader& reader, const Value& mapping, const Schema<T>& schema, T& into) {
    for (const Value& value : reader.pairs(mapping, "a mapping with the keys " + listed(keys_of(schema)))) {
        const Field<T>* known = nullptr;
        for (const auto& field : schema) {
            if (field.key == value.key) known = &field;
        }
        if (known == nullptr) {
            reader.reject_key(value, keys_of(schema));
            continue;
        }
        reader.enter(value);
        known->kind.read(reader, value, into);
        reader.leave();
    }
}

/// A scalar that `parse` turns into the member's type, or into nothing where it is not allowed.
template <typename T, typename M, typename Parse>
Kind<T> scalar(M T::*member, std::string expects, Parse parse,
               const std::vector<std::string>& candidates = {}) {
    auto read = [=](Reader& reader, const Value& value, T& into) {
        const auto text = reader.scalar(value, expects);
        if (!text) return;
        if (auto parsed = parse(*text)) {
            into.*member = static_cast<M>(*parsed);
        } else {
            reader.reject(value, expects, candidates);
        }
    };
    return Kind<T>{expects, read};
}

template <typename T>
Kind<T> flag(bool T::*member) {
    return scalar(member, "true or false", [](const std::string& text) { return parse_flag(text); },
                  {"true", "false"});
}

template <typename T, typename M>
Kind<T> count(M T::*member, std::uint64_t low, std::uint64_t high) {
    return scalar(member, expects_count(low, high), [=](const std::string& text) {
        const auto number = parse_count(text);
        return number && *number >= low && *number <= high ? number : std::nullopt;
    });
}

/// The size of a ring buffer: the kernel takes powers of two that are multiples of the page, and pages have
/// up to 64 KiB.
template <typename T, typename M>
Kind<T> ring_bytes(M T::*member, std::uint64_t high) {
    constexpr std::uint64_t kLargestPage = 65536;
    return scalar(member, expects_bytes(kLargestPage, high), [=](const std::string& text) {
        const auto bytes = parse_bytes(text);
        return bytes && std::has_single_bit(*bytes) && *bytes >= kLargestPage && *bytes <= high
                   ? bytes
                   : std::nullopt;
    });
}

template <typename T, typename M>
Kind<T> bytes(M T::*member, std::uint64_t low, std::uint64_t high) {
    return scalar(member, expects_size(low, high), [=](const std::string& text) {
        const auto size = parse_bytes(text);
        return size && *size >= low && *size <= high ? size : std::nullopt;
    });
}

/// Above 0, up to 1: a share of nothing would call every burst a leak.
template <typename T>
Kind<T> share(double T::*member) {
    return scalar(member, "a number above 0, up to 1", [](const std::string& text) {
        const auto number = parse_fraction(text);
        return number && *number > 0 && *number <= 1 ? number : std::nullopt;
    });
}

/// M is Duration, or an optional one.
template <typename T, typename M>
Kind<T> duration(M T::*member, Duration low, Duration high) {
    return scalar(member, expects_duration(low, high),
                  [=](const std::string& text) -> std::optional<Duration> {
                      const auto parsed = parse_duration(text);
                      if (!parsed.ok() || *parsed < low || *parsed > high) return std::nullopt;
                      return *parsed;
                  });
}

template <typename T, typename M>
Kind<T> text_where(M T::*member, std::string expects, bool (*allowed)(std::string_view)) {
    return scalar(member, std::move(expects), [=](const std::string& text) {
        return allowed(text) ? std::optional(text) : std::nullopt;
    });
}

template <typename T, typename M>
Kind<T> absolute_path(M T::*member) {
    return text_where(member, "an absolute path", is_absolute_path);
}

/// One of `words`.
template <typename T, typename M>
Kind<T> word(M T::*member, const std::vector<std::string>& words) {
    const auto parse = [=](const std::string& text) {
        for (const auto& known : words) {
            if (known == text) return std::optional(text);
        }
        return std::optional<std::string>();
    };
    return scalar(member, listed(words), parse, words);
}

/// One of `values`, under the names that to_string() gives them.
template <typename T, typename E>
Kind<T> choice(E T::*member, const std::vector<E>& values) {
    std::vector<std::string> names;
    names.reserve(values.size());
    for (const E value : values) names.emplace_back(to_string(value));
    const auto parse = [=](const std::string& text) {
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (names[i] == text) return std::optional(values[i]);
        }
        return std::optional<E>();
    };
    return scalar(member, listed(names), parse, names);
}

enum class OnRepeat { kReplace, kAppend };

/// A list of texts, none of them empty. M is a vector of strings or an optional one. The place of the first
/// is "KEY.1".
template <typename T, typename M>
Kind<T> texts(M T::*member, const std::string& expects, OnRepeat on_repeat = OnRepeat::kReplace) {
    auto read = [=](Reader& reader, const Value& list, T& into) {
        if (list.node.IsNull()) return;  // every item is commented out: as if the key were, too
        std::vector<std::string> read_now;
        for (const Value& item : reader.items(list, expects)) {
            const auto text = reader.scalar(item, expects);
            if (text && text->empty()) reader.reject(item, expects);
            read_now.push_back(text.value_or(""));
            reader.enter(Value{item.node, item.place, std::to_string(read_now.size()), item.key_place});
            reader.leave();
        }
        std::vector<std::string> all;
        if constexpr (std::is_same_v<M, std::vector<std::string>>) {
            if (on_repeat == OnRepeat::kAppend) all = into.*member;
        }
        all.insert(all.end(), read_now.begin(), read_now.end());
        into.*member = std::move(all);
    };
    return Kind<T>{expects, read};
}

/// More policies or receivers than anybody can oversee; each process is matched against all policies.
inline constexpr std::size_t kMaxListed = 1000;

/// A list that is read when all files have been seen, by whoever empties Reader::deferred.
template <typename T>
Kind<T> later(const std::string& expects, std::vector<std::string> keys) {
    auto read = [=](Reader& reader, const Value& list, T&) {
        auto& waiting = reader.deferred[list.key];
        for (Value& item : reader.items(list, expects)) {
            if (waiting.size() < kMaxListed) {
                waiting.push_back(std::move(item));
                continue;
            }
            reader.complain(item.place,
                            "too many " + list.key + "; allowed are " + std::to_string(kMaxListed));
            return;
        }
    };
    for (auto& key : keys) key.insert(0, "[].");
    return Kind<T>{expects, read, std::move(keys)};
}

/// A mapping of its own in the file, whose keys are members of the same struct.
template <typename T>
Kind<T> group(Schema<T> schema) {
    auto below = dotted_keys(schema);
    auto read = [=](Reader& reader, const Value& value, T& into) {
        read_fields(reader, value, schema, into);
    };
    return Kind<T>{"a mapping", read, std::move(below)};
}

/// A mapping that is a struct of its own.
template <typename T, typename S>
Kind<T> section(S T::*member, Schema<S> schema) {
    auto below = dotted_keys(schema);
    auto read = [=](Reader& reader, const Value& value, T& into) {
        read_fields(reader, value, schema, into.*member);
    };
    return Kind<T>{"a mapping", read, std::move(below)};
}

/// The same, one struct further down.
template <typename T, typename S, typename U>
Kind<T> section(S T::*member, U S::*inner, Schema<U> schema) {
    auto below = dotted_keys(schema);
    auto read = [=](Reader& reader, const Value& value, T& into) {
        read_fields(reader, value, schema, into.*member.*inner);
    };
    return Kind<T>{"a mapping", read, std::move(below)};
}

}  // namespace sockdog
