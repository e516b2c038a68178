#include "run/ignore.h"

#include <fnmatch.h>

#include <charconv>
#include <fstream>

#include "base/text.h"
#include "config/document.h"

namespace sockdog {
namespace {

// A pattern with many stars looks at every byte again and again, and names come from foreign processes.
constexpr std::size_t kMatched = 4096;
constexpr std::size_t kMaxBytes = 1 << 20;
constexpr std::size_t kMaxEntries = 10'000;

const std::vector<std::string> kKeys{"site", "class", "endpoint", "max", "reason"};

bool like(const std::string& pattern, const std::string& text) {
    return ::fnmatch(pattern.c_str(), text.substr(0, kMatched).c_str(), 0) == 0;
}

bool like_site(const std::string& pattern, const CallSite& site) {
    const CallFrame* frame = site.application_frame();
    if (frame == nullptr) return like(pattern, "");  // only what is not known at all: "*"
    return like(pattern, to_string(*frame)) || like(pattern, to_long_string(*frame)) ||
           (!frame->function.empty() && like(pattern, frame->function));
}

bool covers(const IgnoreEntry& entry, const Leak& leak) {
    if (entry.max && entry.used >= *entry.max) return false;
    if (entry.leak_class && *entry.leak_class != leak.leak_class) return false;
    if (!entry.endpoint.empty() && !like(entry.endpoint, leak.endpoint().to_string())) return false;
    return like_site(entry.site, leak.site);
}

std::vector<std::string> class_names() {
    std::vector<std::string> names;
    for (const RunClass one : kRunClasses) names.emplace_back(to_string(one));
    return names;
}

void read_class(Reader& reader, const Value& value, IgnoreEntry& entry) {
    const auto names = class_names();
    const auto text = reader.scalar(value, listed(names));
    if (!text) return;
    entry.leak_class = run_class_from(*text);
    if (!entry.leak_class) reader.reject(value, listed(names), names);
}

void read_max(Reader& reader, const Value& value, IgnoreEntry& entry) {
    const std::string expects = "a number of sockets from 1 to 1000000";
    const auto text = reader.scalar(value, expects);
    if (!text) return;
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc{} || end != text->data() + text->size() || number == 0 || number > 1'000'000) {
        reader.reject(value, expects);
        return;
    }
    entry.max = number;
}

void read_text(Reader& reader, const Value& value, const std::string& expects, std::string& into) {
    const auto text = reader.scalar(value, expects);
    if (!text) return;
    into = std::string(trim(*text));
    if (into.empty()) reader.reject(value, expects);
}

void read_key(Reader& reader, const Value& value, IgnoreEntry& entry) {
    if (value.key == "site") {
        read_text(reader, value, "a glob, as \"client.py:* fetch\"", entry.site);
    } else if (value.key == "class") {
        read_class(reader, value, entry);
    } else if (value.key == "endpoint") {
        read_text(reader, value, "a glob, as \"127.0.0.1:*\"", entry.endpoint);
    } else if (value.key == "max") {
        read_max(reader, value, entry);
    } else if (value.key == "reason") {
        read_text(reader, value, "a sentence that says why this leak does not count", entry.reason);
    } else {
        reader.reject_key(value, kKeys);
    }
}

IgnoreEntry read_entry(Reader& reader, const Value& item) {
    IgnoreEntry entry;
    entry.line = item.place.line;
    const std::vector<Value> pairs = reader.pairs(item, "a mapping with the keys " + listed(kKeys));
    std::set<std::string> given;
    for (const Value& value : pairs) {
        given.insert(value.key);
        read_key(reader, value, entry);
    }
    for (const char* required : {"site", "reason"}) {
        if (!given.contains(required))
            reader.complain(item.place, std::string("an entry needs the key ") + required);
    }
    return entry;
}

void read_root(Reader& reader, const Value& root, IgnoreList& list) {
    const std::string expects = "a list of entries, each with site and reason";
    for (const Value& value : reader.pairs(root, "a mapping with the key ignore")) {
        if (value.key != "ignore") {
            reader.reject_key(value, {"ignore"});
            continue;
        }
        for (const Value& item : reader.items(value, expects)) {
            if (list.entries.size() == kMaxEntries) {
                reader.complain(item.place, "too many entries; allowed are 10000");
                return;
            }
            list.entries.push_back(read_entry(reader, item));
        }
    }
}

}  // namespace

const IgnoreEntry* IgnoreList::take(const Leak& leak) {
    for (IgnoreEntry& entry : entries) {
        if (!covers(entry, leak)) continue;
        ++entry.used;
        return &entry;
    }
    return nullptr;
}

Result<IgnoreList> parse_ignores(std::string_view text, const std::string& name) {
    Complaints complaints;
    IgnoreList list;
    list.file = name;
    std::size_t visits = 0;
    const auto root = parse_document(text, complaints.add_file(name), complaints);
    if (root) {
        Reader reader(complaints, visits);
        read_root(reader, *root, list);
    }
    if (!complaints.empty()) return complaints.error();
    return list;
}

Result<IgnoreList> load_ignores(const std::filesystem::path& file) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error))
        return make_error(file.string() + ": " + (error ? error.message() : "it is no regular file"));
    std::ifstream in(file, std::ios::binary);
    std::string text(kMaxBytes + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad() || !in.is_open()) return make_error(file.string() + ": it cannot be read");
    text.resize(static_cast<std::size_t>(in.gcount()));
    return parse_ignores(text, file.string());
}

}  // namespace sockdog
