#include "config/document.h"

#include <yaml-cpp/depthguard.h>

#include "base/text.h"
#include "config/files.h"

namespace sockdog {
namespace {

Place place_at(std::size_t file, std::string_view text, std::size_t offset) {
    Place place{file, 1, 1};
    for (const char c : text.substr(0, offset)) {
        place.column = c == '\n' ? 1 : place.column + 1;
        if (c == '\n') ++place.line;
    }
    return place;
}

Place place_of(std::size_t file, const YAML::Mark& mark) {
    if (mark.is_null()) return Place{file, 1, 1};
    return Place{file, mark.line + 1, mark.column + 1};
}

// yaml-cpp takes some control bytes for ends of the text and would silently read half a file.
std::optional<std::size_t> find_control_byte(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) return i;
    }
    return std::nullopt;
}

std::string line_at(std::string_view text, int line) {
    std::size_t start = 0;
    for (int i = 1; i < line && start != std::string_view::npos; ++i) {
        start = text.find('\n', start);
        if (start != std::string_view::npos) ++start;
    }
    if (start == std::string_view::npos) return {};
    return std::string(text.substr(start, text.find('\n', start) - start));
}

bool indented_with_tab(const std::string& line) {
    const auto indent = line.find_first_not_of(" \t");
    return line.substr(0, indent).find('\t') != std::string::npos;
}

// The parser's words, and what people most often did to get them.
std::string explain(const YAML::Exception& error, std::string_view text, const Place& place) {
    std::string message = "not valid YAML: " + error.msg;
    if (dynamic_cast<const YAML::DeepRecursion*>(&error) != nullptr)
        return "not valid YAML: nested too deeply";
    if (indented_with_tab(line_at(text, place.line))) {
        return message + "; the line is indented with a tab, YAML allows spaces only";
    }
    if (error.msg == YAML::ErrorMsg::UNKNOWN_ANCHOR || error.msg == YAML::ErrorMsg::UNKNOWN_TOKEN) {
        return message +
               "; a text that begins with * & ! % @ or a backquote must be quoted, as \"*.service\"";
    }
    return message;
}

std::optional<Value> checked(std::vector<YAML::Node> documents, std::size_t file, Complaints& complaints) {
    if (documents.empty()) return Value{YAML::Node(), Place{file, 1, 1}, {}, {}};
    if (documents.size() > 1) {
        complaints.add(place_of(file, documents[1].Mark()),
                       "a second document begins here; a file is one document (is a line \"---\" too many?)");
        return std::nullopt;
    }
    Value root{documents[0], place_of(file, documents[0].Mark()), {}, {}};
    if (root.node.IsNull() || root.node.IsMap()) return root;
    complaints.add(root.place, std::string("the file is a ") +
                                   (root.node.IsSequence() ? "list" : "single value") +
                                   "; allowed is a mapping of keys, as \"tick: 5s\"");
    return std::nullopt;
}

}  // namespace

std::optional<Value> parse_document(std::string_view text, std::size_t file, Complaints& complaints) {
    if (text.size() > kMaxConfigBytes) {
        complaints.add(Place{file}, "the file is larger than 1 MiB; allowed is up to 1 MiB a file");
        return std::nullopt;
    }
    if (const auto offset = find_control_byte(text)) {
        const auto byte = printable(text.substr(*offset, 1));
        complaints.add(place_at(file, text, *offset), "control byte " + byte + "; allowed is plain text");
        return std::nullopt;
    }
    try {
        return checked(YAML::LoadAll(std::string(text)), file, complaints);
    } catch (const YAML::Exception& error) {
        const Place place = place_of(file, error.mark);
        complaints.add(place, explain(error, text, place));
    } catch (const std::exception& error) {
        complaints.add(Place{file}, std::string("cannot be read as YAML: ") + error.what());
    }
    return std::nullopt;
}

}  // namespace sockdog
