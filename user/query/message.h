// The wire format: one JSON object, then NUL. Hostile input is told from calls here. Private to the room;
// pure functions.
#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace sockdog {

struct Request {
    std::string method;
    nlohmann::json parameters = nlohmann::json::object();
    bool more = false;
    bool oneway = false;
    bool upgrade = false;
    std::string invalid;  // member of the call that has the wrong type: answered, not executed
};

/// Without the NUL. Nothing where it is no call at all: the sender does not speak Varlink.
std::optional<Request> parse_request(std::string_view message);

/// These end with their NUL. Invalid UTF-8 that slipped through becomes U+FFFD. Parameters are not copied: a
/// reply may hold 90,000 sockets.
std::string encode_call(const std::string& method, const nlohmann::json& parameters, bool more);
std::string encode_reply(const nlohmann::json& parameters, bool continues);
std::string encode_error(const std::string& name, const nlohmann::json& parameters);

/// An object; nothing for all else, nested deeper than 64 included: the recursive parts of the JSON library
/// would run out of stack long before the 1 MiB of '[' that a message can hold.
std::optional<nlohmann::json> parse_object(std::string_view text);

}  // namespace sockdog
