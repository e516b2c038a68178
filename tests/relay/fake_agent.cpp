#include "relay/fake_agent.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "base/unique_fd.h"
#include "incident/json.h"

namespace sockdog::test {
namespace {

constexpr int kTickMs = 5;

struct Client {
    UniqueFd fd;
    std::string input;
    bool streaming = false;
    std::uint64_t after = 0;
};

}  // namespace

struct FakeAgent::Impl {
    std::filesystem::path path;
    UniqueFd listening;
    std::atomic<bool> stop = false;
    std::atomic<std::size_t> calls = 0;
    std::mutex mutex;
    std::map<std::uint64_t, nlohmann::json> journal;  // guarded by mutex
    std::list<Client> clients;                        // of the thread
    std::thread thread;

    void run() {
        while (!stop) {
            std::vector<pollfd> entries{{listening.get(), POLLIN, 0}};
            for (const Client& client : clients) entries.push_back({client.fd.get(), POLLIN, 0});
            ::poll(entries.data(), entries.size(), kTickMs);
            if (entries[0].revents != 0) {
                Client client;
                client.fd.reset(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
                if (client.fd) clients.push_back(std::move(client));
            }
            clients.remove_if([this](Client& client) { return !serve(client); });
        }
    }

    /// False when the client is gone.
    bool serve(Client& client) {
        char buffer[4096];
        const ssize_t got = ::recv(client.fd.get(), buffer, sizeof(buffer), 0);
        if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
        if (got > 0) client.input.append(buffer, static_cast<std::size_t>(got));
        const std::size_t end = client.input.find('\0');
        if (end != std::string::npos) {
            const auto request = nlohmann::json::parse(client.input.substr(0, end));
            client.input.erase(0, end + 1);
            ++calls;
            if (request.at("method") == "io.sockdog.Control.ListIncidents") return answer_open(client);
            if (request.at("method") != "io.sockdog.Control.Revisions") return false;
            client.after = request.at("parameters").at("after").get<std::uint64_t>();
            client.streaming = request.value("more", false);
            return answer(client, client.streaming, true);  // a stream begins with a reply, news or not
        }
        return !client.streaming || answer(client, true, false);
    }

    bool answer_open(Client& client) {
        std::map<std::string, nlohmann::json> open;
        {
            const std::lock_guard lock(mutex);
            for (const auto& [number, revision] : journal) {
                if (!revision.contains("incident")) continue;
                const auto& incident = revision.at("incident");
                open[incident.at("id")] = incident;
                if (revision.at("kind") == "resolved") open.erase(incident.at("id").get<std::string>());
            }
        }
        nlohmann::json incidents = nlohmann::json::array();
        for (const auto& [id, incident] : open) incidents.push_back(incident);
        return send_all(client.fd.get(),
                        nlohmann::json{{"parameters", {{"incidents", incidents}}}}.dump() + '\0');
    }

    bool answer(Client& client, bool continues, bool even_if_empty) {
        nlohmann::json revisions = nlohmann::json::array();
        std::uint64_t last = 0;
        {
            const std::lock_guard lock(mutex);
            if (!journal.empty()) last = journal.rbegin()->first;
            for (auto i = journal.upper_bound(client.after); i != journal.end() && revisions.size() < 16;
                 ++i) {
                client.after = i->first;
                revisions.push_back(i->second);
            }
        }
        if (revisions.empty() && !even_if_empty) return true;
        nlohmann::json reply = {{"parameters", {{"revisions", revisions}, {"last", last}}}};
        if (continues) reply["continues"] = true;
        return send_all(client.fd.get(), reply.dump() + '\0');
    }

    bool send_all(int fd, std::string_view text) const {
        while (!text.empty() && !stop) {
            const ssize_t put = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
            if (put > 0) text.remove_prefix(static_cast<std::size_t>(put));
            if (put < 0 && errno != EAGAIN) return false;
            pollfd entry{fd, POLLOUT, 0};
            if (put < 0) ::poll(&entry, 1, kTickMs);
        }
        return true;
    }
};

FakeAgent::FakeAgent(std::filesystem::path socket) : impl_(std::make_unique<Impl>()) {
    impl_->path = std::move(socket);
    impl_->listening.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = impl_->path.string();
    if (name.size() >= sizeof(address.sun_path)) throw std::runtime_error("fake agent: long path");
    std::memcpy(address.sun_path, name.data(), name.size());
    ::unlink(name.c_str());
    if (::bind(impl_->listening.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
        ::listen(impl_->listening.get(), 16) != 0) {
        throw std::runtime_error("fake agent: cannot listen at " + name);
    }
    impl_->thread = std::thread([this] { impl_->run(); });
}

FakeAgent::~FakeAgent() {
    impl_->stop = true;
    impl_->thread.join();
    ::unlink(impl_->path.c_str());
}

void FakeAgent::add(const Revision& revision) {
    add_raw(revision.number, revision);
}

void FakeAgent::add_raw(std::uint64_t number, nlohmann::json revision) {
    const std::lock_guard lock(impl_->mutex);
    impl_->journal[number] = std::move(revision);
}

std::size_t FakeAgent::calls() const {
    return impl_->calls;
}

}  // namespace sockdog::test
