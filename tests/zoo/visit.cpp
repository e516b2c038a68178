#include "zoo/visit.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

#include "base/unique_fd.h"
#include "end_to_end/stage.h"

namespace sockdog::zoo {
namespace {

using testing::Program;
using testing::Stage;

// Twenty of the minutes that sockdog.yaml makes of four seconds each: twice what the slowest class needs.
constexpr auto kLife = std::chrono::seconds(80);
constexpr auto kBetweenStarts =
    std::chrono::milliseconds(100);  // starting interpreters is the hard work here
constexpr auto kBetweenLooks = std::chrono::milliseconds(500);

std::string content(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

/// The end of what a program said.
std::string last_words(const std::filesystem::path& log) {
    const std::string text = content(log);
    return text.substr(text.size() > 600 ? text.size() - 600 : 0);
}

/// Ports that nobody has, below those that the kernel gives to clients: an animal may not take another's.
class Ports {
  public:
    int next() {
        while (next_ < 32000)
            if (free(++next_)) return next_;
        return 0;
    }

  private:
    static bool free(int port) {
        const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<in_port_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    int next_ = 20000;
};

class Keeper {
  public:
    Keeper(const Zoo& zoo, Visit& visit) : zoo_(zoo), visit_(visit), built_(stage_.path("built")) {
        std::filesystem::create_directory(built_);
    }

    void prepare() {
        std::map<std::string, std::optional<std::string>> missing;
        for (const auto& [name, language] : zoo_.languages) missing[name] = missing_for(language);
        for (const Animal& animal : zoo_.animals) {
            zoo::Stay& stay = visit_.stays[animal.name];
            stay.port = ports_.next();
            if (missing.at(animal.language)) stay.missing = *missing.at(animal.language);
            if (animal.habitat.starts_with("tls") && access("/usr/bin/openssl", X_OK) != 0)
                stay.missing = "needs /usr/bin/openssl";
            if (stay.missing.empty()) build(animal, stay);
        }
    }

    bool open() {
        std::ofstream(stage_.path("sockdog.yaml"))
            << content(zoo_.folder / "sockdog.yaml") << "state_dir: " << stage_.path("state").string()
            << "\nrelay: {state_dir: " << stage_.path("relay").string()
            << "}\ncontrol: {socket: " << stage_.path("control").string() << "}\n";
        stage_.start_agent();
        if (stage_.call("GetStatus").is_null()) {
            visit_.trouble = "sockdogd does not answer\n" + stage_.logs();
            return false;
        }
        visit_.family.add(static_cast<std::uint32_t>(getpid()), kKeepers);
        visit_.family.add(static_cast<std::uint32_t>(stage_.agent->pid()), kKeepers);
        return open_habitat();
    }

    void let_in() {
        for (const Animal& animal : zoo_.animals) {
            zoo::Stay& stay = visit_.stays[animal.name];
            if (!came(stay)) continue;
            Command command = zoo_.languages.at(animal.language).run;
            command.insert(command.end(), animal.arguments.begin(), animal.arguments.end());
            stay.came = read_now().wall;
            start(expand(command, zoo_, animal, built_, stay.port), animal.name, animal.name);
            std::this_thread::sleep_for(kBetweenStarts);
        }
        for (const Animal& animal : zoo_.animals) {
            const zoo::Stay& stay = visit_.stays[animal.name];
            if (!came(stay) || animal.visitors.empty()) continue;
            start({"/usr/bin/python3", (zoo_.folder / "visitors.py").string(), animal.visitors[0],
                   std::to_string(stay.port), animal.visitors[1]},
                  kVisitors, animal.name + ".visitors");
        }
    }

    void let_live() {
        const auto end = std::chrono::steady_clock::now() + kLife;
        while (std::chrono::steady_clock::now() < end) {
            visit_.family.look();
            std::this_thread::sleep_for(kBetweenLooks);
        }
    }

    void take_down() {
        visit_.revisions = revisions();
        visit_.status = stage_.call("GetStatus").value("status", nlohmann::json::object());
        const auto connections = connections_by_process();
        for (const Animal& animal : zoo_.animals) {
            zoo::Stay& stay = visit_.stays[animal.name];
            for (const ProcessId& process : visit_.family.living(animal.name)) {
                const bool head = visit_.family.kin(process).head;
                if (head) stay.alive = true;
                if (head != animal.child) stay.sockets += count_sockets(process.pid);
                if (connections.contains(process)) stay.connections += connections.at(process);
            }
            if (came(stay) && !stay.alive) stay.trouble = "ended early: " + last_words(log_of(animal.name));
        }
    }

  private:
    static bool came(const zoo::Stay& stay) { return stay.missing.empty() && stay.trouble.empty(); }
    [[nodiscard]] std::filesystem::path log_of(const std::string& name) const {
        return stage_.path(name + ".log");
    }

    void build(const Animal& animal, zoo::Stay& stay) {
        const Command& command = zoo_.languages.at(animal.language).build;
        if (command.empty()) return;
        Program compiler(expand(command, zoo_, animal, built_, stay.port), log_of(animal.name));
        if (compiler.wait() != 0) stay.trouble = "does not build: " + last_words(log_of(animal.name));
    }

    void start(const Command& command, const std::string& name, const std::string& log) {
        programs_.push_back(std::make_unique<Program>(command, log_of(log)));
        visit_.family.add(static_cast<std::uint32_t>(programs_.back()->pid()), name);
    }

    bool open_habitat() {
        Command command = {"/usr/bin/python3", (zoo_.folder / "habitat.py").string(), built_.string()};
        for (const Animal& animal : zoo_.animals) {
            const zoo::Stay& stay = visit_.stays[animal.name];
            if (came(stay) && !animal.habitat.empty())
                command.push_back(animal.habitat + ":" + std::to_string(stay.port));
        }
        start(command, kHabitat, "habitat");
        if (testing::eventually(
                [&] { return content(log_of("habitat")).find("open\n") != std::string::npos; },
                std::chrono::seconds(20)))
            return true;
        visit_.trouble = "the habitat does not open\n" + last_words(log_of("habitat"));
        return false;
    }

    [[nodiscard]] std::vector<nlohmann::json> revisions() const {
        std::vector<nlohmann::json> all;
        for (std::int64_t after = 0;;) {
            const nlohmann::json page = stage_.call("Revisions", {{"after", after}, {"limit", 100}});
            if (page.is_null() || page.at("revisions").empty()) return all;
            for (const nlohmann::json& revision : page.at("revisions")) all.push_back(revision);
            after = all.back().at("number");
        }
    }

    [[nodiscard]] std::map<ProcessId, int> connections_by_process() const {
        std::map<ProcessId, int> connections;
        const nlohmann::json reply = stage_.call("ListProcesses");
        if (reply.is_null()) return connections;
        for (const nlohmann::json& process : reply.at("processes")) {
            const nlohmann::json& id = process.at("owner").at("process");
            int& count = connections[{id.value("pid", 0U), id.value("start_ticks", std::uint64_t{0})}];
            for (const char* gauge : {"opened", "accepted"}) count += process.at("gauges").value(gauge, 0);
        }
        return connections;
    }

    const Zoo& zoo_;
    Visit& visit_;
    Stage stage_;
    std::filesystem::path built_;
    Ports ports_;
    std::vector<std::unique_ptr<Program>> programs_;  // end before the stage's folder goes
};

}  // namespace

Visit visit(const Zoo& zoo) {
    Visit visit;
    if (visit.trouble = testing::cannot_run(); !visit.trouble.empty()) return visit;
    Keeper keeper(zoo, visit);
    keeper.prepare();
    if (!keeper.open()) return visit;
    keeper.let_in();
    keeper.let_live();
    keeper.take_down();
    return visit;
}

}  // namespace sockdog::zoo
