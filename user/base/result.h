// Expected failures as values: an errno where there is one, and a message that grows context on its way up.
// Promises: a Result that was not looked at does not compile ([[nodiscard]]); no exceptions. Any thread.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace sockdog {

/// Why something failed: `code` is an errno value, 0 where the kernel was not asked.
struct Error {
    int code = 0;
    std::string message;

    /// "open /proc/7/stat: No such file or directory": what was tried, then strerror(code).
    static Error from_errno(std::string_view what, int code = errno) {
        return Error{code, std::string(what) + ": " + std::strerror(code)};
    }
    /// The same failure, told from one level higher: "what: message".
    [[nodiscard]] Error within(std::string_view what) const {
        return Error{code, std::string(what) + ": " + message};
    }
};

inline Error make_error(std::string message, int code = 0) {
    return Error{code, std::move(message)};
}

template <typename T>
class [[nodiscard]] Result {
  public:
    // Implicit, so that `return value;` and `return error;` both do.
    // NOLINTNEXTLINE(google-explicit-constructor)
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    // NOLINTNEXTLINE(google-explicit-constructor)
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    /// The value; call only after ok().
    T& value() & { return std::get<0>(state_); }
    const T& value() const& { return std::get<0>(state_); }
    T&& value() && { return std::get<0>(std::move(state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    /// The error; call only after !ok().
    [[nodiscard]] const Error& error() const { return std::get<1>(state_); }
    [[nodiscard]] T value_or(T other) const { return ok() ? value() : std::move(other); }

  private:
    std::variant<T, Error> state_;
};

/// Success without a value: `return Ok{};`
struct Ok {};
using Status = Result<Ok>;

}  // namespace sockdog
