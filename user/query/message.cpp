#include "query/message.h"

namespace sockdog {
namespace {

constexpr int kMaxDepth = 64;

bool too_deep(std::string_view text) {
    int depth = 0;
    bool in_string = false;
    bool escaped = false;
    for (const char c : text) {
        if (in_string) {
            if (!escaped && c == '"') in_string = false;
            escaped = !escaped && c == '\\';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > kMaxDepth) return true;
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    return false;
}

void take_flag(const nlohmann::json& message, const char* name, bool& to, std::string& invalid) {
    const auto it = message.find(name);
    if (it == message.end() || it->is_null()) return;
    if (it->is_boolean()) {
        to = it->get<bool>();
    } else {
        invalid = name;
    }
}

std::string dump(const nlohmann::json& j) {
    return j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// An empty `{}` in C++ makes a null; on the wire parameters are an object.
std::string dump_parameters(const nlohmann::json& parameters) {
    return parameters.is_null() ? "{}" : dump(parameters);
}

}  // namespace

std::optional<nlohmann::json> parse_object(std::string_view text) {
    if (too_deep(text)) return std::nullopt;
    auto parsed = nlohmann::json::parse(text, nullptr, false);
    if (!parsed.is_object()) return std::nullopt;
    return parsed;
}

std::optional<Request> parse_request(std::string_view text) {
    auto message = parse_object(text);
    if (!message) return std::nullopt;
    const auto method = message->find("method");
    if (method == message->end() || !method->is_string()) return std::nullopt;
    Request request;
    request.method = method->get<std::string>();
    take_flag(*message, "more", request.more, request.invalid);
    take_flag(*message, "oneway", request.oneway, request.invalid);
    take_flag(*message, "upgrade", request.upgrade, request.invalid);
    if (request.more && request.oneway) return std::nullopt;  // several replies and none
    const auto parameters = message->find("parameters");
    if (parameters != message->end() && !parameters->is_null()) {
        if (parameters->is_object()) {
            request.parameters = std::move(*parameters);
        } else {
            request.invalid = "parameters";
        }
    }
    return request;
}

std::string encode_call(const std::string& method, const nlohmann::json& parameters, bool more) {
    std::string text = R"({"method":)" + dump(method) + R"(,"parameters":)" + dump_parameters(parameters);
    text += more ? R"(,"more":true})" : "}";
    text.push_back('\0');
    return text;
}

std::string encode_reply(const nlohmann::json& parameters, bool continues) {
    std::string text = R"({"parameters":)" + dump_parameters(parameters);
    text += continues ? R"(,"continues":true})" : "}";
    text.push_back('\0');
    return text;
}

std::string encode_error(const std::string& name, const nlohmann::json& parameters) {
    std::string text = R"({"error":)" + dump(name) + R"(,"parameters":)" + dump_parameters(parameters) + "}";
    text.push_back('\0');
    return text;
}

}  // namespace sockdog
