// A real program, that a test tells what to do through its standard input.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/proc_root.h"
#include "base/unique_fd.h"

namespace sockdog::testing {

/// `name` itself if it runs; empty: it does not.
inline std::string find_program(const std::string& name) {
    const std::string command =
        "command -v '" + name + "' >/dev/null && '" + name + "' --version >/dev/null 2>&1";
    return std::system(command.c_str()) == 0 ? name : "";
}

/// A program that says "ready", and "done" after each line that it is given.
class ToldProgram {
  public:
    explicit ToldProgram(const std::vector<std::string>& arguments) {
        int down[2];
        int up[2];
        if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0) return;
        std::vector<char*> words;
        words.reserve(arguments.size() + 1);
        for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
        words.push_back(nullptr);
        pid_ = fork();
        if (pid_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            dup2(down[0], 0);
            dup2(up[1], 1);
            execvp(words[0], words.data());
            _exit(127);
        }
        ::close(down[0]);
        ::close(up[1]);
        to_.reset(down[1]);
        from_.reset(up[0]);
        expect("ready");
    }
    ~ToldProgram() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    ToldProgram(const ToldProgram&) = delete;
    ToldProgram& operator=(const ToldProgram&) = delete;

    void go() {
        if (write(to_.get(), "go\n", 3) != 3) ADD_FAILURE() << "the program ended";
        expect("done");
    }
    /// Of the program itself: what starts it, as a shim of pyenv, hands its pid on.
    [[nodiscard]] ProcessId id() const {
        const auto id = ProcRoot().identify(static_cast<std::uint32_t>(pid_));
        return id ? *id : ProcessId{};
    }

  private:
    void expect(const std::string& word) {
        std::string line;
        char byte = 0;
        while (read(from_.get(), &byte, 1) == 1 && byte != '\n') line += byte;
        EXPECT_EQ(line.substr(0, word.size()), word);
    }
    pid_t pid_ = -1;
    UniqueFd to_;
    UniqueFd from_;
};

}  // namespace sockdog::testing
