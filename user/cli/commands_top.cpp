// `sockdog top`: TopModel on a terminal. ncurses stays in this file.

#include <langinfo.h>
#include <ncurses.h>
#include <unistd.h>

#include <clocale>
#include <cstring>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/top_model.h"

namespace sockdog {
namespace {

constexpr int kKeyWaitMs = 100;

Result<TopSample> ask_all(VarlinkClient& client) {
    TopSample sample;
    auto reply = client.call(full_name("GetStatus"), nlohmann::json::object(), kPatience);
    if (!reply) return reply.error();
    reply->at("status").get_to(sample.status);
    reply = client.call(full_name("ListProcesses"), nlohmann::json::object(), kPatience);
    if (!reply) return reply.error();
    reply->at("processes").get_to(sample.processes);
    reply = client.call(full_name("ListIncidents"), nlohmann::json::object(), kPatience);
    if (!reply) return reply.error();
    reply->at("incidents").get_to(sample.incidents);
    return sample;
}

/// Connects anew where sockdogd was restarted meanwhile.
Result<TopSample> ask_all(const std::string& socket) {
    auto client = VarlinkClient::connect(socket);
    if (!client) return client.error();
    return ask_all(*client);
}

/// The terminal as curses has it, given back at the end.
class Screen {
  public:
    explicit Screen(bool color) {
        initscr();
        cbreak();
        noecho();
        curs_set(0);
        keypad(stdscr, TRUE);
        timeout(kKeyWaitMs);
        color_ = color && has_colors();
        if (!color_) return;
        start_color();
        use_default_colors();
        init_pair(1, COLOR_YELLOW, -1);
        init_pair(2, COLOR_RED, -1);
    }
    ~Screen() { endwin(); }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    void draw(TopModel& model) {
        erase();
        int y = 0;
        for (const TopLine& line :
             model.lines(static_cast<std::size_t>(COLS), static_cast<std::size_t>(LINES))) {
            attr_t attributes = line.reverse ? A_REVERSE : A_NORMAL;
            if (color_ && line.tone == Tone::kWarning) attributes |= COLOR_PAIR(1);
            if (line.tone == Tone::kBad) attributes |= A_BOLD | (color_ ? COLOR_PAIR(2) : 0);
            attrset(static_cast<int>(attributes));
            mvaddstr(y++, 0, line.text.c_str());
        }
        attrset(A_NORMAL);
        refresh();
    }
    /// A key as TopModel knows it; 0: none came.
    static int key() {
        switch (const int got = getch()) {
            case ERR:
                return 0;
            case KEY_UP:
                return static_cast<int>(TopKey::kUp);
            case KEY_DOWN:
                return static_cast<int>(TopKey::kDown);
            case KEY_PPAGE:
                return static_cast<int>(TopKey::kPageUp);
            case KEY_NPAGE:
                return static_cast<int>(TopKey::kPageDown);
            case KEY_HOME:
                return static_cast<int>(TopKey::kHome);
            case KEY_END:
                return static_cast<int>(TopKey::kEnd);
            default:
                return got;
        }
    }

  private:
    bool color_ = false;
};

}  // namespace

int top(const Options& options, const Surroundings& io) {
    if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) {
        io.err << "sockdog: 'top' needs a terminal; 'sockdog ps' prints the same once\n";
        return kExitUsage;
    }
    auto first = ask_all(options.socket);
    if (!first) return fail(io, first.error());
    std::setlocale(LC_CTYPE, "");
    TopModel model(options.sort, std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0);
    model.add(std::move(*first));
    Screen screen(io.style.color);
    MonoTime next = read_now().mono + options.interval;
    for (;;) {
        screen.draw(model);
        const int key = Screen::key();
        if (key != 0 && !model.on_key(key)) return kExitOk;
        if (read_now().mono < next) continue;
        auto sample = ask_all(options.socket);
        TopSample outage;
        if (!sample) outage.problem = sample.error().message;
        model.add(sample ? std::move(*sample) : std::move(outage));
        next = read_now().mono + options.interval;
    }
}

}  // namespace sockdog
