// Scripts that complete the words of a `sockdog` command line, for the shells that have such a thing. They
// are made from the options as they are parsed, so that neither can forget the other. Any thread.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace sockdog {

/// bash, fish, zsh.
std::span<const std::string_view> completion_shells();

/// The script for that shell; nothing for a shell that completion_shells() does not name. `values` has the
/// words that the argument of a type may be ("STATE" -> CLOSE_WAIT, ...). Ids of processes and incidents are
/// asked of sockdogd when the key is pressed, and file names left to the shell.
std::optional<std::string> completion_script(const CLI::App& app, std::string_view shell,
                                             const std::map<std::string, std::vector<std::string>>& values);

}  // namespace sockdog
