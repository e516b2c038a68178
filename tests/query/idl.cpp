#include "idl.h"

#include <cctype>
#include <stdexcept>

namespace sockdog::testing {
namespace {

using Kind = IdlType::Kind;

bool is_alnum(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

class Parser {
  public:
    explicit Parser(std::string_view text) : text_(text) {}

    void run(Idl& idl) {
        expect_word("interface");
        idl.name = interface_name();
        while (skip(), at_ < text_.size()) member(idl);
        if (idl.methods.empty()) fail("an interface has at least one method");
        for (const auto& name : used_) {
            if (!idl.types.contains(name)) fail("type not declared: " + name);
        }
    }

  private:
    [[noreturn]] void fail(const std::string& what) const {
        throw std::runtime_error(what + " before \"" + std::string(text_.substr(at_, 40)) + "\"");
    }
    void skip() {
        while (at_ < text_.size()) {
            if (text_[at_] == '#') {
                while (at_ < text_.size() && text_[at_] != '\n') ++at_;
            } else if (std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
                ++at_;
            } else {
                return;
            }
        }
    }
    bool take(std::string_view token) {
        skip();
        if (text_.substr(at_, token.size()) != token) return false;
        at_ += token.size();
        return true;
    }
    void expect(std::string_view token) {
        if (!take(token)) fail("expected " + std::string(token));
    }
    std::string word(const char* more) {
        skip();
        const std::size_t begin = at_;
        while (at_ < text_.size() &&
               (is_alnum(text_[at_]) || std::string_view(more).find(text_[at_]) != std::string_view::npos)) {
            ++at_;
        }
        return std::string(text_.substr(begin, at_ - begin));
    }
    void expect_word(const std::string& expected) {
        if (word("") != expected) fail("expected " + expected);
    }
    std::string interface_name() {
        const std::string name = word(".-");
        if (name.find('.') == std::string::npos || !is_alnum(name.front()) || !is_alnum(name.back()))
            fail("interface name");
        return name;
    }
    std::string member_name() {
        const std::string name = word("");
        if (name.empty() || std::isupper(static_cast<unsigned char>(name.front())) == 0) fail("member name");
        if (!names_.insert(name).second) fail("declared twice: " + name);
        return name;
    }
    std::string field_name() {
        const std::string name = word("_");
        if (name.empty() || std::islower(static_cast<unsigned char>(name.front())) == 0 ||
            name.back() == '_' || name.find("__") != std::string::npos) {
            fail("field name " + name);
        }
        return name;
    }
    void member(Idl& idl) {
        const std::string keyword = word("");
        if (keyword == "type") {
            const std::string name = member_name();
            idl.types[name] = structure();
        } else if (keyword == "method") {
            idl.methods.insert(member_name());
            structure();
            expect("->");
            structure();
        } else if (keyword == "error") {
            idl.errors.insert(member_name());
            structure();
        } else {
            fail("keyword " + keyword);
        }
    }
    std::shared_ptr<IdlType> structure() {
        auto type = std::make_shared<IdlType>();
        type->kind = Kind::kStruct;
        expect("(");
        if (take(")")) return type;
        do {
            std::string name = field_name();
            expect(":");
            type->fields.emplace_back(std::move(name), any_type());
        } while (take(","));
        expect(")");
        return type;
    }
    std::shared_ptr<IdlType> any_type() {
        auto type = std::make_shared<IdlType>();
        if (take("?")) {
            type->kind = Kind::kMaybe;
            type->element = any_type();
            if (type->element->kind == Kind::kMaybe) fail("?? is no type");
        } else if (take("[]")) {
            type->kind = Kind::kArray;
            type->element = any_type();
        } else if (take("[string]")) {
            type->kind = Kind::kMap;
            type->element = any_type();
        } else if (take("(")) {
            --at_;
            return structure();
        } else {
            simple_type(*type);
        }
        return type;
    }
    void simple_type(IdlType& type) {
        static const std::map<std::string, Kind> kSimple = {{"bool", Kind::kBool},
                                                            {"int", Kind::kInt},
                                                            {"float", Kind::kFloat},
                                                            {"string", Kind::kString},
                                                            {"object", Kind::kObject}};
        const std::string name = word("");
        if (const auto it = kSimple.find(name); it != kSimple.end()) {
            type.kind = it->second;
            return;
        }
        if (name.empty() || std::isupper(static_cast<unsigned char>(name.front())) == 0) fail("type " + name);
        type.kind = Kind::kNamed;
        type.name = name;
        used_.insert(name);
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::set<std::string> names_;
    std::set<std::string> used_;
};

std::string wrong(const std::string& at, const char* expected, const nlohmann::json& value) {
    return at + ": expected " + expected + ", is " + value.dump();
}

}  // namespace

Idl Idl::parse(std::string_view text) {
    Idl idl;
    try {
        Parser(text).run(idl);
    } catch (const std::runtime_error& failed) {
        idl.error = failed.what();
    }
    return idl;
}

std::string Idl::mismatch(const std::string& type, const nlohmann::json& value) const {
    const auto found = types.find(type);
    return found == types.end() ? "no type " + type : check(*found->second, value, type);
}

std::string Idl::check(const IdlType& type, const nlohmann::json& value, const std::string& at) const {
    switch (type.kind) {
        case Kind::kBool:
            return value.is_boolean() ? "" : wrong(at, "bool", value);
        case Kind::kInt:
            return value.is_number_integer() ? "" : wrong(at, "int", value);
        case Kind::kFloat:
            return value.is_number() ? "" : wrong(at, "float", value);
        case Kind::kString:
            return value.is_string() ? "" : wrong(at, "string", value);
        case Kind::kObject:
            return value.is_object() ? "" : wrong(at, "object", value);
        case Kind::kNamed:
            return check(*types.at(type.name), value, at);
        case Kind::kMaybe:
            return value.is_null() ? "" : check(*type.element, value, at);
        case Kind::kArray:
        case Kind::kMap:
            if (type.kind == Kind::kArray ? !value.is_array() : !value.is_object())
                return wrong(at, "a collection", value);
            for (const auto& item : value) {
                if (auto bad = check(*type.element, item, at + "[]"); !bad.empty()) return bad;
            }
            return "";
        case Kind::kStruct:
            break;
    }
    if (!value.is_object()) return wrong(at, "struct", value);
    std::set<std::string> declared;
    for (const auto& [field, field_type] : type.fields) {
        declared.insert(field);
        if (!value.contains(field)) return at + "." + field + ": declared, not sent";
        if (auto bad = check(*field_type, value[field], at + "." + field); !bad.empty()) return bad;
    }
    for (const auto& [field, ignored] : value.items()) {
        if (!declared.contains(field)) return at + "." + field + ": sent, not declared";
    }
    return "";
}

}  // namespace sockdog::testing
