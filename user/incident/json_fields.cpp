#include "incident/json_fields.h"

#include <cmath>

namespace sockdog::json_fields {

void wrong(const nlohmann::json& j, const char* name, const std::string& why) {
    throw nlohmann::json::other_error::create(501, std::string(name) + ": " + why, &j);
}

const nlohmann::json* member(const nlohmann::json& j, const char* name) {
    if (!j.is_object()) wrong(j, name, "member of something that is no object");
    const auto it = j.find(name);
    if (it == j.end() || it->is_null()) return nullptr;
    return &*it;
}

const nlohmann::json& required(const nlohmann::json& j, const char* name) {
    const nlohmann::json* const v = member(j, name);
    if (v == nullptr) wrong(j, name, "missing");
    return *v;
}

void read(const nlohmann::json& j, const char* name, std::string& to) {
    if (const auto* v = member(j, name)) {
        if (!v->is_string()) wrong(j, name, "not a string");
        to = v->get<std::string>();
    }
}

void read(const nlohmann::json& j, const char* name, bool& to) {
    if (const auto* v = member(j, name)) {
        if (!v->is_boolean()) wrong(j, name, "not a boolean");
        to = v->get<bool>();
    }
}

void read(const nlohmann::json& j, const char* name, double& to) {
    if (const auto* v = member(j, name)) {
        if (!v->is_number()) wrong(j, name, "not a number");
        to = v->get<double>();
        if (!std::isfinite(to)) wrong(j, name, "not finite");
    }
}

void read(const nlohmann::json& j, const char* name, WallTime& to) {
    std::string text;
    read(j, name, text);
    if (!text.empty()) to = parse_rfc3339(text);
}

void read(const nlohmann::json& j, const char* name, Duration& to) {
    constexpr double kMostSeconds = 9e9;  // int64 nanoseconds end at 9.22e9 s
    double value = seconds(to);
    read(j, name, value);
    if (std::fabs(value) > kMostSeconds) wrong(j, name, "too large");
    to = Duration(std::llround(value * 1e9));
}

double seconds(Duration d) {
    return static_cast<double>(d.count()) / 1e9;
}

}  // namespace sockdog::json_fields
