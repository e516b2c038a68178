#include "web/server.h"

#include <httplib.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <thread>

#include "base/text.h"
#include "relay/severity.h"
#include "relay/small_file.h"
#include "web/history.h"
#include "web/metrics.h"
#include "web/page_files.h"
#include "web/password_file.h"

namespace sockdog {
namespace {

constexpr std::size_t kUsersFileBytes = 64U << 10;
constexpr std::size_t kThreads = WebServer::kStreams + 8;
constexpr Duration kSampleEvery = 10s;
constexpr Duration kEventEvery = 2s;

// Nothing from elsewhere, nothing inline, no frames, no forms.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

class Server : public WebServer {
  public:
    Server(const WebSettings& settings, const std::filesystem::path& control_socket, Stats stats)
        : agent_(control_socket), stats_(std::move(stats)), services_(settings.max_services) {}
    ~Server() override { stop(); }

    Status listen(const WebSettings& settings);

  private:
    void stop();
    void add_routes();
    void sample();
    [[nodiscard]] bool rest(Duration length);
    void metrics(const httplib::Request& request, httplib::Response& response);
    void events(httplib::Response& response);
    [[nodiscard]] nlohmann::json state();

    AgentView agent_;
    Stats stats_;
    History history_;
    std::unique_ptr<PasswordFile> users_;
    std::mutex services_mutex_;
    Services services_;  // guarded by services_mutex_
    std::atomic<int> streams_ = 0;
    std::mutex stop_mutex_;
    std::condition_variable stopped_;
    bool stopping_ = false;  // guarded by stop_mutex_
    std::unique_ptr<httplib::Server> http_;
    std::thread serving_;
    std::thread sampling_;
};

void block_signals() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

Status Server::listen(const WebSettings& settings) {
    const auto address = parse_listen(settings.listen);
    if (!address)
        return make_error("\"" + printable(settings.listen) + "\" is no address with a port", EINVAL);
    if (const auto unsafe = unsafe_because(settings)) return make_error(*unsafe, EINVAL);
    if (!settings.users_file.empty()) {
        const auto text = read_small_file(settings.users_file, kUsersFileBytes);
        if (!text) return text.error().within("users_file");
        auto users = PasswordFile::parse(*text, settings.users_file);
        if (!users) return users.error().within("users_file");
        users_ = std::make_unique<PasswordFile>(std::move(*users));
    }
    if (settings.tls_certificate.empty()) {
        http_ = std::make_unique<httplib::Server>();
    } else {
        auto tls =
            std::make_unique<httplib::SSLServer>(settings.tls_certificate.c_str(), settings.tls_key.c_str());
        if (!tls->is_valid())
            return make_error("tls_certificate and tls_key cannot be read, or do not belong together: " +
                                  settings.tls_certificate + ", " + settings.tls_key,
                              EINVAL);
        SSL_CTX_set_min_proto_version(tls->ssl_context(), TLS1_2_VERSION);
        http_ = std::move(tls);
    }
    http_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };  // httplib takes it over
    // httplib's own choice is SO_REUSEPORT, with which a second server gets half of the requests and no
    // error.
    http_->set_socket_options([](socket_t socket) {
        const int yes = 1;
        ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    http_->set_keep_alive_max_count(100);
    http_->set_keep_alive_timeout(5);
    http_->set_read_timeout(5, 0);
    http_->set_write_timeout(5, 0);
    http_->set_payload_max_length(1024);
    add_routes();
    if (!http_->bind_to_port(address->host, address->port))
        return Error::from_errno("listen on " + settings.listen, errno == 0 ? EADDRINUSE : errno);
    serving_ = std::thread([this] {
        block_signals();
        http_->listen_after_bind();
    });
    sampling_ = std::thread([this] {
        block_signals();
        sample();
    });
    return Ok{};
}

void Server::stop() {
    {
        const std::lock_guard lock(stop_mutex_);
        stopping_ = true;
    }
    stopped_.notify_all();
    if (serving_.joinable()) {
        // One that is stopped before it serves would serve for ever.
        for (int i = 0; i < 1000 && !http_->is_running(); ++i) std::this_thread::sleep_for(1ms);
        http_->stop();
        serving_.join();
    }
    if (sampling_.joinable()) sampling_.join();
}

/// False: it ends.
bool Server::rest(Duration length) {
    std::unique_lock lock(stop_mutex_);
    return !stopped_.wait_for(lock, length, [this] { return stopping_; });
}

void Server::sample() {
    do {
        history_.add(read_now().wall, *agent_.now());
    } while (rest(kSampleEvery));
}

void Server::add_routes() {
    http_->set_default_headers({{"Content-Security-Policy", kPolicy},
                                {"X-Content-Type-Options", "nosniff"},
                                {"Referrer-Policy", "no-referrer"},
                                {"Cross-Origin-Resource-Policy", "same-origin"},
                                {"Cache-Control", "no-store"}});
    http_->set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
        using enum httplib::Server::HandlerResponse;
        if (request.method != "GET" && request.method != "HEAD") {
            response.status = 405;
            response.set_header("Allow", "GET, HEAD");
            return Handled;
        }
        if (request.path == "/healthz" || !users_ ||
            users_->allows(request.get_header_value("Authorization")))
            return Unhandled;
        response.status = 401;
        response.set_header("WWW-Authenticate", "Basic realm=\"sockdog\", charset=\"UTF-8\"");
        return Handled;
    });
    const auto file = [this](const char* path, std::string_view (*content)(), const char* type) {
        http_->Get(path, [content, type](const httplib::Request&, httplib::Response& response) {
            response.set_content(std::string(content()), type);
        });
    };
    file("/", page::index_html, "text/html; charset=utf-8");
    file("/page.css", page::page_css, "text/css; charset=utf-8");
    file("/page.js", page::page_js, "text/javascript; charset=utf-8");
    http_->Get("/metrics", [this](const auto& request, auto& response) { metrics(request, response); });
    // Whether the relay itself is well; what it cannot reach is told by the metrics.
    http_->Get("/healthz",
               [](const auto&, httplib::Response& response) { response.set_content("ok\n", "text/plain"); });
    http_->Get("/api/state", [this](const auto&, httplib::Response& response) {
        response.set_content(state().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                             "application/json");
    });
    http_->Get("/api/history", [this](const auto&, httplib::Response& response) {
        response.set_content(history_.json().dump(), "application/json");
    });
    http_->Get("/events", [this](const auto&, httplib::Response& response) { events(response); });
}

void Server::metrics(const httplib::Request& request, httplib::Response& response) {
    const auto agent = agent_.now();
    const RelayStats stats = stats_();
    std::vector<prometheus::MetricFamily> families;
    {
        const std::lock_guard lock(services_mutex_);
        families = collect_metrics(*agent, stats, services_);
    }
    const auto exposition = expose(families, request.get_header_value("Accept"));
    response.set_content(exposition.body, exposition.content_type);
}

nlohmann::json Server::state() {
    const auto agent = agent_.now();
    nlohmann::json out = {{"up", agent->up},
                          {"problem", agent->problem},
                          {"at", format_rfc3339(read_now().wall)},
                          {"version", SOCKDOG_VERSION},
                          {"incidents", nlohmann::json::array()},
                          {"resolved", nlohmann::json::array()}};
    for (const Incident& incident : agent->open) {
        out["incidents"].push_back(incident);
        out["incidents"].back()["severity"] = to_string(severity_of(incident));
    }
    if (agent->up) {
        const StatusView& s = agent->status;
        out["status"] = {{"sockets", s.sockets},
                         {"processes", s.processes},
                         {"totals", s.totals},
                         {"lost", s.losses.lost()},
                         {"held", s.held ? nlohmann::json(json_safe(*s.held)) : nlohmann::json()},
                         {"config_error", json_safe(s.config_error)},
                         {"started_at", format_rfc3339(s.started_at)}};
        out["resolved"] = agent->resolved;
    }
    const RelayStats stats = stats_();
    out["receivers"] = stats.receivers;
    out["silences"] = stats.silences;
    return out;
}

/// One event for each change of what is open, and a comment else, so that a client that went away is noticed.
void Server::events(httplib::Response& response) {
    if (streams_.fetch_add(1) >= kStreams) {
        --streams_;
        response.status = 503;
        response.set_header("Retry-After", "10");
        return;
    }
    auto last = std::make_shared<std::string>();
    response.set_chunked_content_provider(
        "text/event-stream",
        [this, last](std::size_t, httplib::DataSink& sink) {
            auto current = state();
            const std::string now = current.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
            current.erase("at");
            std::string seen = current.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
            const std::string text =
                seen == *last ? ": still here\n\n" : "event: state\ndata: " + now + "\n\n";
            *last = std::move(seen);
            if (!sink.write(text.data(), text.size())) return false;
            return rest(kEventEvery);
        },
        [this](bool) { --streams_; });
}

}  // namespace

Result<std::unique_ptr<WebServer>> WebServer::start(const WebSettings& settings,
                                                    const std::filesystem::path& control_socket,
                                                    Stats stats) {
    auto server = std::make_unique<Server>(settings, control_socket, std::move(stats));
    if (auto listening = server->listen(settings); !listening) return listening.error().within("web");
    return std::unique_ptr<WebServer>(std::move(server));
}

}  // namespace sockdog
