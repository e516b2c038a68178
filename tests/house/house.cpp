#include "house/house.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

namespace sockdog::house {

namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Comments become spaces, line ends stay, so that lines keep their numbers. Text in quotes is left as it is.
std::string without_comments(std::string_view text) {
    std::string out(text);
    enum class In { kCode, kLine, kBlock, kString } in = In::kCode;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const char c = out[i];
        const char next = i + 1 < out.size() ? out[i + 1] : '\0';
        if (in == In::kCode && c == '/' && (next == '/' || next == '*')) {
            in = next == '/' ? In::kLine : In::kBlock;
            out[i] = out[i + 1] = ' ';
            ++i;
        } else if (c == '"' && (in == In::kCode || in == In::kString)) {
            in = in == In::kCode ? In::kString : In::kCode;
        } else if (in == In::kString && c == '\\') {
            ++i;
        } else if (c == '\n' && in != In::kBlock) {
            in = In::kCode;
        } else if (in == In::kBlock && c == '*' && next == '/') {
            in = In::kCode;
            out[i] = out[i + 1] = ' ';
            ++i;
        } else if ((in == In::kLine || in == In::kBlock) && c != '\n') {
            out[i] = ' ';
        }
    }
    return out;
}

/// Words of CMake: separated by space and by parentheses, which are words of their own; comments gone.
std::vector<std::string> cmake_words(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    const auto end_word = [&] {
        if (!word.empty()) words.push_back(std::move(word));
        word.clear();
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '#') {
            end_word();
            i = std::min(text.find('\n', i), text.size()) - 1;
        } else if (is_space(c)) {
            end_word();
        } else if (c == '(' || c == ')') {
            end_word();
            words.emplace_back(1, c);
        } else {
            word += c;
        }
    }
    end_word();
    return words;
}

std::string read_text(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

}  // namespace

std::vector<Include> parse_includes(std::string_view text) {
    std::vector<Include> includes;
    std::istringstream lines(without_comments(text));
    std::string line;
    for (std::size_t number = 1; std::getline(lines, line); ++number) {
        std::string_view rest = line;
        const auto skip_space = [&] {
            rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
        };
        skip_space();
        if (!rest.starts_with('#')) continue;
        rest.remove_prefix(1);
        skip_space();
        constexpr std::string_view kInclude = "include";
        if (!rest.starts_with(kInclude)) continue;
        rest.remove_prefix(kInclude.size());
        skip_space();
        if (rest.empty() || (rest.front() != '"' && rest.front() != '<')) continue;
        const auto close = rest.find(rest.front() == '"' ? '"' : '>', 1);
        if (close == std::string_view::npos) continue;
        includes.push_back({number, std::string(rest.substr(1, close - 1))});
    }
    return includes;
}

RoomRules parse_room(std::string_view cmake) {
    RoomRules room;
    const auto words = cmake_words(cmake);
    auto word = std::ranges::find(words, "sockdog_room");
    if (word == words.end() || words.end() - word < 3) return room;
    word += 2;  // the name and "("
    room.name = *word++;
    std::vector<std::string>* list = nullptr;
    for (; word != words.end() && *word != ")"; ++word) {
        if (*word == "DEPS") {
            list = &room.deps;
        } else if (*word == "LIBS") {
            list = &room.libs;
        } else if (list != nullptr) {
            list->push_back(*word);
        }
    }
    return room;
}

std::vector<std::string> parse_floors(std::string_view cmake) {
    std::vector<std::string> floors;
    const auto words = cmake_words(cmake);
    for (std::size_t i = 0; i + 2 < words.size(); ++i) {
        if (words[i] == "add_subdirectory" && words[i + 1] == "(") floors.push_back(words[i + 2]);
    }
    return floors;
}

House read_house(const std::filesystem::path& user) {
    House house;
    house.floors = parse_floors(read_text(user / "CMakeLists.txt"));
    std::error_code error;
    for (const auto& folder : std::filesystem::directory_iterator(user, error)) {
        if (!folder.is_directory()) continue;
        const std::string room = folder.path().filename().string();
        house.rooms[room] = parse_room(read_text(folder.path() / "CMakeLists.txt"));
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path(), error)) {
            static constexpr std::array<std::string_view, 6> kSources{".h",   ".hpp", ".c",
                                                                      ".cpp", ".cc",  ".inc"};
            if (std::ranges::find(kSources, entry.path().extension().string()) == kSources.end()) continue;
            const std::string name = std::filesystem::relative(entry.path(), user).string();
            house.files.push_back({name, read_text(entry.path())});
        }
    }
    std::ranges::sort(house.files, {}, &SourceFile::name);
    return house;
}

}  // namespace sockdog::house
