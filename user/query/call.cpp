#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include "query/call_state.h"
#include "query/message.h"

namespace sockdog {
namespace {

/// Errors that every Varlink service shares.
constexpr std::array<std::string_view, 6> kServiceErrors = {"InterfaceNotFound",    "MethodNotFound",
                                                            "MethodNotImplemented", "InvalidParameter",
                                                            "PermissionDenied",     "ExpectedMore"};

std::string full_error_name(const std::string& name, std::string_view interface = kInterface) {
    if (name.find('.') != std::string::npos) return name;
    const bool shared = std::find(kServiceErrors.begin(), kServiceErrors.end(), name) != kServiceErrors.end();
    return std::string(shared ? kServiceInterface : interface) + "." + name;
}

/// In place of a reply that no client would get in one piece.
std::string too_large() {
    return encode_error(full_error_name("ResourceExhausted"),
                        {{"reason", "the reply would be too large; ask for less"}});
}

/// The parameter, or null where it is absent or null.
const nlohmann::json* find_parameter(const nlohmann::json& parameters, const char* name) {
    const auto it = parameters.find(name);
    return it == parameters.end() || it->is_null() ? nullptr : &*it;
}

}  // namespace

Call::State::~State() {
    if (ended || connection.expired()) return;
    spdlog::error("control socket: a call was dropped without an answer");
    end(encode_error(full_error_name("Failed"),
                     {{"reason", "sockdogd did not answer this call; see its log"}}));
}

void Call::State::end(std::string text) {
    if (ended) return;
    ended = true;
    const auto callback = std::exchange(on_gone, nullptr);  // may hold the last copies of the call
    if (const auto live = connection.lock()) {
        if (!oneway) live->send(std::move(text));
        live->call_ended();
    }
}

void Call::State::gone(bool tell) {
    connection.reset();
    if (ended) return;
    ended = true;
    const auto callback = std::exchange(on_gone, nullptr);
    if (tell && callback) callback();
}

const Peer& Call::peer() const {
    return state_->peer;
}

const nlohmann::json& Call::parameters() const {
    return state_->parameters;
}

bool Call::wants_more() const {
    return state_->more;
}

bool Call::connected() const {
    const auto live = state_->connection.lock();
    return live != nullptr && live->open();
}

void Call::reply(const nlohmann::json& parameters) {
    std::string text;
    const auto live = state_->connection.lock();
    if (live != nullptr && live->open() && !state_->oneway && !state_->ended) {
        text = encode_reply(parameters, false);
        if (text.size() > live->max_queued_bytes()) text = too_large();
    }
    state_->end(std::move(text));
}

void Call::reply_continues(const nlohmann::json& parameters) {
    if (!state_->more || state_->ended) return;
    const auto live = state_->connection.lock();
    if (live == nullptr || !live->open()) return;
    std::string text = encode_reply(parameters, true);
    if (text.size() <= live->max_queued_bytes()) {
        live->send(std::move(text));
    } else {
        state_->end(too_large());
    }
}

void Call::reply_in_parts(std::function<Part()> next) {
    const auto live = state_->connection.lock();
    if (live == nullptr || !live->open() || state_->ended) return state_->end({});
    live->feed_from([call = *this, next = std::move(next)]() mutable {
        Part part;
        try {
            part = next();
        } catch (const std::exception& failed) {
            spdlog::error("control socket: a part of an answer failed: {}", failed.what());
            call.fail("Failed", {{"reason", failed.what()}});
            return false;
        }
        if (part.last || call.state_->oneway) {
            call.reply(part.parameters);
        } else {
            call.reply_continues(part.parameters);
        }
        return !call.state_->ended;
    });
}

void Call::fail(const std::string& name, const nlohmann::json& parameters) {
    state_->end(encode_error(full_error_name(name, state_->interface), parameters));
}

void Call::on_gone(std::function<void()> callback) {
    if (!state_->ended) state_->on_gone = std::move(callback);
}

bool Call::take(const char* name, std::optional<bool>& to) {
    const auto* v = find_parameter(state_->parameters, name);
    if (v == nullptr) return true;
    if (!v->is_boolean()) return refuse(name);
    to = v->get<bool>();
    return true;
}

bool Call::take(const char* name, std::optional<std::uint64_t>& to) {
    const auto* v = find_parameter(state_->parameters, name);
    if (v == nullptr) return true;
    if (!v->is_number_unsigned()) return refuse(name);  // what parses as signed is negative
    to = v->get<std::uint64_t>();
    return true;
}

bool Call::take(const char* name, std::optional<std::string>& to) {
    const auto* v = find_parameter(state_->parameters, name);
    if (v == nullptr) return true;
    if (!v->is_string()) return refuse(name);
    to = v->get<std::string>();
    return true;
}

bool Call::refuse(const char* name) {
    fail("InvalidParameter", {{"parameter", name}});
    return false;
}

}  // namespace sockdog
