// What the tests of the configuration share: parsing text, a folder of files, and a configuration in words.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace sockdog::test {

/// The messages about `yaml` as file "t", one each; empty where there is nothing to complain about.
std::vector<std::string> complaints(std::string_view yaml);
/// The parsed text; a failed expectation with the messages, and the defaults, where it is wrong.
Config parsed(std::string_view yaml);
/// Every setting but the file, a line each: two configurations are the same exactly when these are.
std::string in_words(const Config& config);
std::string in_words(const Policy& policy);

/// A folder that goes with the test.
class Folder {
  public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    /// Writes ROOT/NAME with mode 0644, and its folders.
    std::filesystem::path write(const std::string& name, std::string_view content) const;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

std::string read_source(const std::string& name);

}  // namespace sockdog::test
