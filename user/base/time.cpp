#include "base/time.h"

#include <algorithm>
#include <ctime>
#include <optional>
#include <string_view>

namespace sockdog {

namespace {

using std::chrono::milliseconds;

/// The years that RFC 3339 can write.
constexpr std::chrono::sys_days kFirstDay = std::chrono::year{0} / 1 / 1;
constexpr std::chrono::sys_days kLastDay = std::chrono::year{9999} / 12 / 31;

/// Takes exactly `digits` digits off the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    if (text.size() < digits) return std::nullopt;
    int number = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        number = number * 10 + (text[i] - '0');
    }
    text.remove_prefix(digits);
    return number;
}

bool take_any_of(std::string_view& text, std::string_view allowed) {
    if (text.empty() || allowed.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
    const auto year = take_number(text, 4);
    if (!year || !take_any_of(text, "-")) return std::nullopt;
    const auto month = take_number(text, 2);
    if (!month || !take_any_of(text, "-")) return std::nullopt;
    const auto day = take_number(text, 2);
    if (!day) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{*year},
                                           std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days{date};
}

/// ".5", ".123", ".123456789" cut to milliseconds; no fraction is 0. RFC 3339 sets no limit on the digits.
std::optional<milliseconds> take_fraction(std::string_view& text) {
    if (!take_any_of(text, ".")) return milliseconds{0};
    int value = 0;
    int scale = 100;
    bool any = false;
    while (const auto digit = take_number(text, 1)) {
        value += *digit * scale;
        scale /= 10;
        any = true;
    }
    if (!any) return std::nullopt;
    return milliseconds{value};
}

std::optional<milliseconds> take_time_of_day(std::string_view& text) {
    const auto hour = take_number(text, 2);
    if (!hour || *hour > 23 || !take_any_of(text, ":")) return std::nullopt;
    const auto minute = take_number(text, 2);
    if (!minute || *minute > 59 || !take_any_of(text, ":")) return std::nullopt;
    const auto second = take_number(text, 2);
    if (!second || *second > 60) return std::nullopt;  // 60: a leap second, told as the one after it
    const auto fraction = take_fraction(text);
    if (!fraction) return std::nullopt;
    return std::chrono::hours{*hour} + std::chrono::minutes{*minute} + std::chrono::seconds{*second} +
           *fraction;
}

bool is_utc(std::string_view offset) {
    return offset == "Z" || offset == "z" || offset == "+00:00" || offset == "-00:00";
}

/// `number`, which is not negative, with zeros in front up to `width` digits.
std::string padded(std::int64_t number, std::size_t width) {
    std::string digits = std::to_string(number);
    if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
    return digits;
}

}  // namespace

MonoClock::time_point MonoClock::now() {
    timespec ts{};
    ::clock_gettime(CLOCK_MONOTONIC, &ts);  // cannot fail for this clock and a valid pointer
    return time_point{std::chrono::seconds{ts.tv_sec} + std::chrono::nanoseconds{ts.tv_nsec}};
}

Now read_now() {
    return Now{MonoClock::now(),
               std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now())};
}

std::string format_rfc3339(WallTime t) {
    const WallTime first{kFirstDay};
    const WallTime last{kLastDay + std::chrono::days{1} - milliseconds{1}};
    t = std::clamp(t, first, last);
    const auto day = std::chrono::floor<std::chrono::days>(t);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{t - day};
    return padded(static_cast<int>(date.year()), 4) + "-" + padded(static_cast<unsigned>(date.month()), 2) +
           "-" + padded(static_cast<unsigned>(date.day()), 2) + "T" + padded(clock.hours().count(), 2) + ":" +
           padded(clock.minutes().count(), 2) + ":" + padded(clock.seconds().count(), 2) + "." +
           padded(clock.subseconds().count(), 3) + "Z";
}

WallTime parse_rfc3339(const std::string& text) {
    std::string_view rest = text;
    const auto day = take_date(rest);
    if (!day || !take_any_of(rest, "Tt ")) return WallTime{};
    const auto time_of_day = take_time_of_day(rest);
    if (!time_of_day || !is_utc(rest)) return WallTime{};
    return WallTime{*day} + *time_of_day;
}

std::string format_duration(Duration d) {
    if (d < Duration::zero()) {
        // The most negative count has no positive counterpart; one nanosecond is not shown anyway.
        return "-" + format_duration(d == Duration::min() ? Duration::max() : -d);
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(d).count();
    if (d == Duration::zero()) return "0s";
    if (d < 1ms) return "<1ms";
    if (seconds < 1) return std::to_string(std::chrono::duration_cast<milliseconds>(d).count()) + "ms";
    if (seconds < 60) return std::to_string(seconds) + "s";
    const auto minutes = seconds / 60;
    if (minutes < 60) return std::to_string(minutes) + "m" + padded(seconds % 60, 2) + "s";
    const auto hours = minutes / 60;
    if (hours < 24) return std::to_string(hours) + "h" + padded(minutes % 60, 2) + "m";
    return std::to_string(hours / 24) + "d" + padded(hours % 24, 2) + "h";
}

}  // namespace sockdog
