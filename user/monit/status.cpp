#include "monit/status.h"

#include <expat.h>

#include <charconv>
#include <memory>
#include <type_traits>

#include "base/text.h"

namespace sockdog::monit {
namespace {

// monit nests five deep (monit, service, filedescriptors, limit, soft), with <services> around them six.
constexpr std::size_t kDeepest = 16;
constexpr std::size_t kMostServices = 4096;
// Of one value: names of services are words, everything else we read are numbers.
constexpr std::size_t kLongestValue = 512;

struct ParserDeleter {
    void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
};
using Parser = std::unique_ptr<std::remove_pointer_t<XML_Parser>, ParserDeleter>;

template <typename T>
std::optional<T> number(std::string_view text) {
    const auto digits = trim(text);
    T value{};
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (code != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

/// Where in the document we are, and what was read so far.
struct Reading {
    XML_Parser parser = nullptr;
    std::vector<std::string> path;  // open elements, outermost first
    std::string text;               // of the innermost
    bool in_service = false;
    Service service;
    std::vector<Service> services;
    std::string refused;

    void refuse(std::string why) {
        if (refused.empty()) refused = std::move(why);
        XML_StopParser(parser, XML_FALSE);
    }
    /// A field of a service is its child; the same names further down (<memory>) are others.
    [[nodiscard]] bool at_field() const {
        return refused.empty() && in_service && path.size() >= 2 && path[path.size() - 2] == "service";
    }
    void open(const char* name, const char** attributes);
    void close();
    void take_field(const std::string& name);
};

void Reading::open(const char* name, const char** attributes) {
    if (!refused.empty()) return;
    if (path.empty() && std::string_view(name) != "monit")
        return refuse("the outermost element is not <monit>");
    if (path.size() >= kDeepest) return refuse("it is nested too deeply");
    // Of monit 5: below <monit>. With format 2 of the same (/_status2): below <services>.
    const bool below_list = path.size() == 1 || (path.size() == 2 && path.back() == "services");
    path.emplace_back(name);
    text.clear();
    if (path.back() != "service" || !below_list) return;
    if (services.size() >= kMostServices) return refuse("it lists too many services");
    in_service = true;
    service = {};
    for (; attributes[0] != nullptr; attributes += 2) {
        const std::string_view key = attributes[0];
        const std::string_view value = attributes[1];
        if (value.size() > kLongestValue) return refuse("a value in it is too long");
        if (key == "type") service.type = number<int>(value);
        if (key == "name") service.name = value;
    }
}

void Reading::take_field(const std::string& name) {
    if (name == "name") service.name = trim(text);
    if (name == "type") service.type = number<int>(text);
    if (name == "monitor") service.monitor = number<int>(text);
    if (name == "pendingaction") service.pending_action = number<int>(text);
    if (name == "pid") service.pid = number<std::uint32_t>(text);
}

void Reading::close() {
    // expat ends an empty element (<a/>) also after it was stopped at its beginning.
    if (!refused.empty() || path.empty()) return;
    if (at_field()) take_field(path.back());
    if (in_service && path.back() == "service") {
        services.push_back(std::move(service));
        service = {};
        in_service = false;
    }
    path.pop_back();
    text.clear();
}

void on_open(void* user, const char* name, const char** attributes) {
    static_cast<Reading*>(user)->open(name, attributes);
}

void on_close(void* user, const char* /*name*/) {
    static_cast<Reading*>(user)->close();
}

void on_text(void* user, const char* data, int size) {
    auto& reading = *static_cast<Reading*>(user);
    if (!reading.at_field()) return;
    if (reading.text.size() + static_cast<std::size_t>(size) > kLongestValue)
        return reading.refuse("a value in it is too long");
    reading.text.append(data, static_cast<std::size_t>(size));
}

void on_doctype(void* user, const char*, const char*, const char*, int) {
    static_cast<Reading*>(user)->refuse("it declares a document type, which monit never does");
}

/// The getter of the older name is deprecated since expat 2.9.
std::uint64_t line_of(XML_Parser parser) {
#if XML_MAJOR_VERSION > 2 || XML_MINOR_VERSION >= 9
    return XML_GetCurrentLineNumber64(parser);
#else
    return XML_GetCurrentLineNumber(parser);
#endif
}

}  // namespace

Result<std::vector<Service>> parse_status(std::string_view xml) {
    const std::string what = "monit's status cannot be read: ";
    if (xml.size() > kMostBytes) return make_error(what + "it is too large", EFBIG);
    const Parser parser(XML_ParserCreate(nullptr));
    if (!parser) return make_error(what + "no memory for a parser", ENOMEM);
    Reading reading;
    reading.parser = parser.get();
    XML_SetUserData(parser.get(), &reading);
    XML_SetElementHandler(parser.get(), on_open, on_close);
    XML_SetCharacterDataHandler(parser.get(), on_text);
    XML_SetStartDoctypeDeclHandler(parser.get(), on_doctype);
    const auto status = XML_Parse(parser.get(), xml.data(), static_cast<int>(xml.size()), XML_TRUE);
    if (!reading.refused.empty()) return make_error(what + reading.refused, EBADMSG);
    if (status != XML_STATUS_OK) {
        return make_error(what + XML_ErrorString(XML_GetErrorCode(parser.get())) + " (line " +
                              std::to_string(line_of(parser.get())) + ")",
                          EBADMSG);
    }
    return std::move(reading.services);
}

}  // namespace sockdog::monit
