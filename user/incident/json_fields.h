// Checked reading of JSON members. A missing or null member leaves the default, so that older and newer
// journals read; a member of the wrong type or out of its range throws nlohmann::json::exception, never wraps
// or truncates. Any thread.
#pragma once

#include <nlohmann/json.hpp>

#include <concepts>
#include <limits>
#include <string>

#include "base/time.h"

namespace sockdog::json_fields {

/// Throws nlohmann::json::other_error: "NAME: why".
[[noreturn]] void wrong(const nlohmann::json& j, const char* name, const std::string& why);

/// The member, or null where it is missing or null. Throws where `j` is no object.
const nlohmann::json* member(const nlohmann::json& j, const char* name);
/// The member. Throws where it is missing.
const nlohmann::json& required(const nlohmann::json& j, const char* name);

void read(const nlohmann::json& j, const char* name, std::string& to);
void read(const nlohmann::json& j, const char* name, bool& to);
void read(const nlohmann::json& j, const char* name, double& to);
/// RFC 3339.
void read(const nlohmann::json& j, const char* name, WallTime& to);
/// Seconds as a number.
void read(const nlohmann::json& j, const char* name, Duration& to);

template <std::unsigned_integral T>
requires(!std::same_as<T, bool>) void read(const nlohmann::json& j, const char* name, T& to) {
    const nlohmann::json* const v = member(j, name);
    if (v == nullptr) return;
    // A literal made by C++ code from an int is stored as signed even when it is not negative.
    const bool negative = v->is_number_integer() && !v->is_number_unsigned() && v->get<std::int64_t>() < 0;
    if (!v->is_number_integer() || negative) wrong(j, name, "not a whole number of zero or more");
    const auto wide = v->get<std::uint64_t>();
    if (wide > std::numeric_limits<T>::max()) wrong(j, name, "too large");
    to = static_cast<T>(wide);
}

/// An enum by its name; `from` is its inverse of to_string. Throws where the name is missing or not known.
template <typename E, typename From>
void read_enum(const nlohmann::json& j, const char* name, E& to, From from) {
    const nlohmann::json& v = required(j, name);
    if (!v.is_string()) wrong(j, name, "not a string");
    const auto known = from(v.get_ref<const std::string&>());
    if (!known) wrong(j, name, "not a known name");
    to = *known;
}

/// Seconds with the full precision of a double.
double seconds(Duration d);

}  // namespace sockdog::json_fields
