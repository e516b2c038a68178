// A strict reader of Varlink interface texts, and a check of JSON values against the types declared there.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace sockdog::testing {

struct IdlType {
    enum class Kind { kBool, kInt, kFloat, kString, kObject, kArray, kMap, kMaybe, kNamed, kStruct };
    Kind kind = Kind::kObject;
    std::string name;                                                      // kNamed
    std::shared_ptr<IdlType> element;                                      // kArray, kMap, kMaybe
    std::vector<std::pair<std::string, std::shared_ptr<IdlType>>> fields;  // kStruct
};

struct Idl {
    std::string error;  // empty: the text is valid
    std::string name;
    std::map<std::string, std::shared_ptr<IdlType>> types;
    std::set<std::string> methods;
    std::set<std::string> errors;

    static Idl parse(std::string_view text);
    /// Empty where `value` has exactly the fields of TYPE, each of its declared type; else what differs and
    /// where.
    [[nodiscard]] std::string mismatch(const std::string& type, const nlohmann::json& value) const;

  private:
    [[nodiscard]] std::string check(const IdlType& type, const nlohmann::json& value,
                                    const std::string& at) const;
};

}  // namespace sockdog::testing
