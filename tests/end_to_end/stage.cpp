#include "end_to_end/stage.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "command_output.h"
#include "query/varlink_client.h"
#include "query/varlink_server.h"

namespace sockdog::testing {
namespace {

const std::string kPrograms = std::string(SOCKDOG_BINARY_DIR) + "/bin/";

std::string content(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

}  // namespace

Program::Program(const std::vector<std::string>& arguments, const std::filesystem::path& log) {
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
}

Program::~Program() {
    end(SIGKILL);
}

void Program::end(int signal) {
    if (pid_ <= 0) return;
    kill(pid_, signal);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

int Program::wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

AlertReceiver::AlertReceiver() {
    server_.Post("/alerts", [this](const httplib::Request& request, httplib::Response& response) {
        const std::lock_guard lock(mutex_);
        received_.push_back(
            {request.get_header_value("Idempotency-Key"), nlohmann::json::parse(request.body)});
        response.status = 200;
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
}

AlertReceiver::~AlertReceiver() {
    server_.stop();
    thread_.join();
}

std::vector<Received> AlertReceiver::events(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    std::vector<Received> found;
    for (const Received& received : received_)
        if (received.body.value("event", "") == name) found.push_back(received);
    return found;
}

Stage::Stage() {
    std::string name = (std::filesystem::temp_directory_path() / "sockdog-stage-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "mkdtemp";
    folder_ = name;
}

Stage::~Stage() {
    relay.reset();
    agent.reset();
    std::filesystem::remove_all(folder_);
}

std::string Stage::pin_books() {
    bpffs_ = std::make_unique<fixtures::PrivateBpffs>();
    const std::string problem = bpffs_->problem();
    if (!problem.empty()) bpffs_.reset();
    return problem;
}

void Stage::write_config(const std::string& policies) {
    // Neither the pins of an installed sockdogd nor those of another test are ours.
    const std::string books = bpffs_
                                  ? "books: {pin_directory: " + bpffs_->directory().string() + "}\n"
                                  : "books: {pinned: never, pin_directory: " + path("bpf").string() + "}\n";
    std::ofstream(path("sockdog.yaml"))
        << books << "tick: 300ms\nwalk_interval: 300ms\n"
        << "state_dir: " << path("state").string() << "\n"
        << "relay: {state_dir: " << path("relay").string() << "}\n"
        << "control: {socket: " << path("control").string() << "}\n"
        << "defaults:\n"
        << "  close_wait: {count: 8, dwell: 1s, wake: 12}\n"
        << "  idle_growth: {survivors: 24, windows: 3, window: 2s, min_age: 2s}\n"
        << "  incident: {resolve_after: 4s, gone_after: 1s}\n"
        << "receivers:\n"
        << "  - {name: here, type: webhook, url: 'http://127.0.0.1:" << receiver.port()
        << "/alerts', backoff_initial: 200ms}\n"
        << policies;
}

void Stage::start_agent() {
    agent = std::make_unique<Program>(
        std::vector<std::string>{kPrograms + "sockdogd", "--config", path("sockdog.yaml").string(),
                                 "--helper-dir", kPrograms},
        path("agent.log"));
    EXPECT_TRUE(eventually([&] { return !call("GetStatus").is_null(); }, std::chrono::seconds(20))) << logs();
}

void Stage::start_relay() {
    relay = std::make_unique<Program>(
        std::vector<std::string>{kPrograms + "sockdog-relay", "--config", path("sockdog.yaml").string()},
        path("relay.log"));
}

nlohmann::json Stage::call(const std::string& method, const nlohmann::json& parameters) const {
    auto client = VarlinkClient::connect(path("control"));
    if (!client) return nullptr;
    auto reply = client->call(std::string(kInterface) + "." + method,
                              parameters.is_null() ? nlohmann::json::object() : parameters);
    return reply ? *reply : nlohmann::json(nullptr);
}

std::pair<int, std::string> Stage::cli(const std::string& arguments) const {
    const std::string command =
        kPrograms + "sockdog --socket " + path("control").string() + " " + arguments + " 2>&1";
    auto [text, code] = fixtures::output_of(command);
    return {code, text};
}

std::unique_ptr<Program> Stage::script(const std::string& name,
                                       const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv = {"/usr/bin/python3",
                                     std::string(SOCKDOG_SOURCE_DIR) + "/tests/programs/" + name};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return std::make_unique<Program>(argv, path(name + ".log"));
}

std::string Stage::logs() const {
    return "--- sockdogd\n" + content(path("agent.log")) + "--- sockdog-relay\n" + content(path("relay.log"));
}

std::vector<pid_t> pids_in(const std::filesystem::path& file) {
    std::vector<pid_t> pids;
    std::ifstream lines(file);
    for (pid_t pid = 0; lines >> pid;) pids.push_back(pid);
    return pids;
}

int free_port() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    bind(fd, reinterpret_cast<sockaddr*>(&address), length);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    close(fd);
    return ntohs(address.sin_port);
}

bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < deadline) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return condition();
}

std::string cannot_run() {
    if (geteuid() != 0) return "needs root: BPF";
    if (access("/usr/bin/python3", X_OK) != 0) return "needs /usr/bin/python3 for the leaking programs";
    return "";
}

}  // namespace sockdog::testing
