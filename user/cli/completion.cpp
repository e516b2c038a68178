#include "cli/completion.h"

#include <algorithm>
#include <array>
#include <functional>

#include <CLI/CLI.hpp>

#include "base/text.h"

namespace sockdog {
namespace {

constexpr std::array<std::string_view, 3> kShells{"bash", "fish", "zsh"};

using Values = std::map<std::string, std::vector<std::string>>;

/// What may stand somewhere: fixed words, what a command of the shell prints, or the name of a file.
struct Choice {
    std::vector<std::string> words;
    std::vector<std::string_view> asked;  // functions of the script
    bool file = false;
    [[nodiscard]] bool empty() const { return words.empty() && asked.empty() && !file; }
};

struct OptionWords {
    std::string name;  // with its dashes
    std::string description;
    bool has_value = false;
    Choice choice;
};

struct CommandWords {
    std::string name;  // empty: the program itself
    std::string description;
    std::vector<OptionWords> options;
    Choice choice;  // of the first argument
};

struct Asked {
    std::string_view type;
    std::string_view function;
    std::string_view command;  // one word a line; nothing where sockdogd does not answer
};
constexpr std::array<Asked, 2> kAsked{
    {{"PID", "_sockdog_pids", "sockdog ps 2>/dev/null | awk '$1 ~ /^[0-9]+$/ {print $1}'"},
     {"INCIDENT", "_sockdog_incidents",
      "sockdog incidents --all 2>/dev/null | awk '$1 ~ /^i[0-9]+$/ {print $1}'"}}};

/// `type` as help shows it: "PID|INCIDENT".
Choice choice_of(const std::string& type, const Values& values) {
    Choice choice;
    for (const std::string& part : split(type, '|')) {
        if (const auto words = values.find(part); words != values.end())
            choice.words.insert(choice.words.end(), words->second.begin(), words->second.end());
        for (const Asked& asked : kAsked)
            if (asked.type == part) choice.asked.push_back(asked.function);
        choice.file = choice.file || part == "FILE" || part == "PATH";
    }
    return choice;
}

CommandWords words_of(const CLI::App& app, std::string name, const Values& values) {
    CommandWords command{std::move(name), app.get_description(), {}, {}};
    for (const CLI::Option* option : app.get_options()) {
        const std::string type = option->get_type_name();
        const bool has_value = option->get_items_expected_max() > 0;
        if (option->get_positional()) {
            command.choice = choice_of(type, values);
        } else if (!option->get_lnames().empty()) {
            command.options.push_back({"--" + option->get_lnames().front(), option->get_description(),
                                       has_value, has_value ? choice_of(type, values) : Choice{}});
        }
    }
    return command;
}

/// The program first, then its commands.
std::vector<CommandWords> all_words(const CLI::App& app, const Values& values) {
    std::vector<CommandWords> all{words_of(app, "", values)};
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
        all.push_back(words_of(*command, command->get_name(), values));
    return all;
}

template <typename Items, typename Text>
std::string joined(const Items& items, std::string_view between, const Text& text) {
    std::string out;
    for (const auto& item : items) {
        if (!out.empty()) out += between;
        out += text(item);
    }
    return out;
}

std::string joined(const std::vector<std::string>& words) {
    return joined(words, " ", [](const std::string& word) { return word; });
}

/// 'text' for any of the shells, where a quote ends, is escaped and begins again.
std::string in_quotes(std::string_view text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string preamble(std::string_view shell) {
    return "# Completes the words of a sockdog command line. Made by 'sockdog completion " +
           std::string(shell) + "'.\n";
}

std::string shell_functions() {
    std::string out;
    for (const Asked& asked : kAsked)
        out += std::string(asked.function) + "() {\n    " + std::string(asked.command) + "\n}\n";
    return out;
}

// bash

std::string bash_reply(const Choice& choice) {
    std::string words = joined(choice.words);
    for (const std::string_view function : choice.asked)
        words += (words.empty() ? "$(" : " $(") + std::string(function) + ")";
    if (choice.file) return "compopt -o default";
    return "mapfile -t COMPREPLY < <(compgen -W \"" + words + "\" -- \"$current\")";
}

std::string bash_option_values(const std::vector<CommandWords>& all) {
    std::string out;
    for (const CommandWords& command : all)
        for (const OptionWords& option : command.options)
            if (option.has_value)
                out += "        " + option.name + ")\n            " +
                       (option.choice.empty() ? std::string(":") : bash_reply(option.choice)) +
                       "\n            return\n            ;;\n";
    return out;
}

std::string bash_options(const std::vector<CommandWords>& all) {
    std::string out;
    const auto names = [](const CommandWords& command) {
        return joined(command.options, " ", [](const OptionWords& option) { return option.name; });
    };
    for (const CommandWords& command : all)
        if (!command.name.empty())
            out += "            " + command.name + ") options+=\" " + names(command) + "\" ;;\n";
    return "        local options=\"" + names(all.front()) + "\"\n        case $command in\n" + out +
           "        esac\n        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n";
}

std::string with_value(const std::vector<CommandWords>& all) {
    std::string out;
    for (const CommandWords& command : all)
        for (const OptionWords& option : command.options)
            if (option.has_value) out += (out.empty() ? "" : "|") + option.name;
    return out;
}

std::string command_names(const std::vector<CommandWords>& all, std::string_view between) {
    return joined(std::span(all).subspan(1), between,
                  [](const CommandWords& command) { return command.name; });
}

std::string bash_script(const std::vector<CommandWords>& all) {
    std::string arguments = "        '') mapfile -t COMPREPLY < <(compgen -W \"" + command_names(all, " ") +
                            "\" -- \"$current\") ;;\n";
    for (const CommandWords& command : all)
        if (!command.name.empty() && !command.choice.empty())
            arguments += "        " + command.name + ") " + bash_reply(command.choice) + " ;;\n";
    return preamble("bash") + shell_functions() +
           "_sockdog() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} command='' i\n"
           "    COMPREPLY=()\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        case ${COMP_WORDS[i]} in\n"
           "            " +
           with_value(all) +
           ") ((i++)) || true ;;\n"
           "            " +
           command_names(all, " | ") +
           ")\n"
           "                command=${COMP_WORDS[i]}\n"
           "                break\n"
           "                ;;\n"
           "        esac\n"
           "    done\n"
           "    case ${COMP_WORDS[COMP_CWORD - 1]} in\n" +
           bash_option_values(all) +
           "    esac\n"
           "    if [[ $current == -* ]]; then\n" +
           bash_options(all) +
           "        return\n"
           "    fi\n"
           "    case $command in\n" +
           arguments +
           "    esac\n"
           "}\n"
           "complete -F _sockdog sockdog\n";
}

// zsh

/// _arguments wants brackets and colons of a description escaped.
std::string zsh_text(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':') out += '\\';
        out += c;
    }
    return out;
}

std::string zsh_action(const Choice& choice) {
    if (choice.file) return "_files";
    std::string words = joined(choice.words);
    for (const std::string_view function : choice.asked)
        words += (words.empty() ? "$(" : " $(") + std::string(function) + ")";
    return words.empty() ? " " : "compadd " + words;
}

std::string zsh_options(const CommandWords& command, std::string_view indent) {
    std::string out;
    for (const OptionWords& option : command.options) {
        std::string spec = option.name + (option.has_value ? "=[" : "[") + zsh_text(option.description) + "]";
        if (option.has_value)
            spec += ":value:" + (option.choice.empty() ? " " : "{" + zsh_action(option.choice) + "}");
        out += std::string(indent) + in_quotes(spec) + " \\\n";
    }
    return out;
}

std::string zsh_script(const std::vector<CommandWords>& all) {
    std::string commands;
    std::string cases;
    for (const CommandWords& command : std::span(all).subspan(1)) {
        commands += "        " + in_quotes(command.name + ":" + zsh_text(command.description)) + "\n";
        cases += "        " + command.name + ")\n            _arguments \\\n" +
                 zsh_options(all.front(), "                ") + zsh_options(command, "                ");
        cases += command.choice.empty()
                     ? "                '*: : '\n"
                     : "                " + in_quotes("1:what:{" + zsh_action(command.choice) + "}") + "\n";
        cases += "            ;;\n";
    }
    return "#compdef sockdog\n" + preamble("zsh") + shell_functions() +
           "_sockdog() {\n"
           "    local context state state_descr line\n"
           "    typeset -A opt_args\n"
           "    local -a commands\n"
           "    commands=(\n" +
           commands +
           "    )\n"
           "    _arguments -C \\\n" +
           zsh_options(all.front(), "        ") +
           "        '1: :->command' \\\n"
           "        '*:: :->argument'\n"
           "    [[ $state == command ]] && _describe command commands\n"
           "    [[ $state == argument ]] && case $line[1] in\n" +
           cases +
           "    esac\n"
           "}\n"
           "_sockdog \"$@\"\n";
}

// fish

std::string fish_arguments(const Choice& choice) {
    if (choice.file) return " -r -F";
    std::string words = joined(choice.words);
    for (const std::string_view function : choice.asked)
        words += (words.empty() ? "(" : " (") + std::string(function) + ")";
    return words.empty() ? " -x" : " -x -a " + in_quotes(words);
}

std::string fish_line(std::string_view condition, std::string_view rest, std::string_view description) {
    std::string line = "complete -c sockdog";
    if (!condition.empty()) line += " -n " + in_quotes(condition);
    line += rest;
    if (!description.empty()) line += " -d " + in_quotes(description);
    return line + "\n";
}

std::string fish_script(const std::vector<CommandWords>& all) {
    std::string out = preamble("fish");
    for (const Asked& asked : kAsked)
        out += "function " + std::string(asked.function) + "\n    " + std::string(asked.command) + "\nend\n";
    out += "complete -c sockdog -f\n";
    const std::string none = "not __fish_seen_subcommand_from " + command_names(all, " ");
    for (const CommandWords& command : all) {
        const bool program = command.name.empty();
        const std::string seen = program ? "" : "__fish_seen_subcommand_from " + command.name;
        if (!program) out += fish_line(none, " -a " + command.name, command.description);
        for (const OptionWords& option : command.options)
            out += fish_line(
                seen,
                " -l " + option.name.substr(2) + (option.has_value ? fish_arguments(option.choice) : ""),
                option.description);
        if (!program && !command.choice.empty()) out += fish_line(seen, fish_arguments(command.choice), "");
    }
    return out;
}

}  // namespace

std::span<const std::string_view> completion_shells() {
    return kShells;
}

std::optional<std::string> completion_script(const CLI::App& app, std::string_view shell,
                                             const Values& values) {
    const auto all = all_words(app, values);
    if (shell == "bash") return bash_script(all);
    if (shell == "zsh") return zsh_script(all);
    if (shell == "fish") return fish_script(all);
    return std::nullopt;
}

}  // namespace sockdog
