#include "relay/fake_receiver.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "base/unique_fd.h"

namespace sockdog::test {
namespace {

/// Throws: a test without its server has no meaning.
void demand(bool condition, const char* what) {
    if (!condition) throw std::runtime_error(std::string("fake receiver: ") + what);
}

void write_pem(const std::string& file, const std::function<int(FILE*)>& write) {
    FILE* out = std::fopen(file.c_str(), "w");
    demand(out != nullptr, "open pem");
    const int written = write(out);
    (void)std::fclose(out);
    demand(written == 1, "write pem");
}

sockaddr_in loopback() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/// Binds a new socket to a free loopback port.
UniqueFd bound_socket(int& port) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback();
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    socklen_t size = sizeof(address);
    const int reuse = 1;
    demand(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse) == 0, "reuse");
    demand(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0, "bind");
    demand(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
    port = ntohs(address.sin_port);
    return fd;
}

}  // namespace

Certificate make_certificate(const std::string& folder) {
    Certificate made{folder + "/certificate.pem", folder + "/key.pem"};
    EVP_PKEY* key = EVP_EC_gen("P-256");
    demand(key != nullptr, "key");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    const auto* common_name = reinterpret_cast<const unsigned char*>("sockdog test");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    demand(X509_sign(certificate, key, EVP_sha256()) > 0, "sign");
    write_pem(made.certificate_file, [&](FILE* out) { return PEM_write_X509(out, certificate); });
    write_pem(made.key_file, [&](FILE* out) {
        return PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
    X509_free(certificate);
    EVP_PKEY_free(key);
    return made;
}

struct FakeReceiver::Impl {
    Behaviour behaviour;
    std::unique_ptr<httplib::Server> server;
    int port = 0;
    bool tls = false;
    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    std::vector<Received> received;
    bool released = false;
    std::thread thread;

    void take(const httplib::Request& request, httplib::Response& response) {
        Received got{request.path, request.body, {}};
        for (const auto& [name, value] : request.headers) got.headers[name] = value;
        std::unique_lock lock(mutex);
        const Answer answer = behaviour ? behaviour(received.size(), got) : Answer{};
        received.push_back(std::move(got));
        changed.notify_all();
        if (answer.hang) changed.wait(lock, [&] { return released; });
        response.status = answer.status;
        for (const auto& [name, value] : answer.headers) response.set_header(name, value);
        response.set_content(answer.body, "text/plain");
    }
};

FakeReceiver::FakeReceiver(Behaviour behaviour, int port, const Certificate* certificate)
    : impl_(std::make_unique<Impl>()) {
    impl_->behaviour = std::move(behaviour);
    impl_->tls = certificate != nullptr;
    if (certificate != nullptr) {
        impl_->server = std::make_unique<httplib::SSLServer>(certificate->certificate_file.c_str(),
                                                             certificate->key_file.c_str());
    } else {
        impl_->server = std::make_unique<httplib::Server>();
    }
    demand(impl_->server->is_valid(), "server");
    impl_->server->Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
        impl_->take(request, response);
    });
    if (port == 0) {
        impl_->port = impl_->server->bind_to_any_port("127.0.0.1");
    } else {
        impl_->port = impl_->server->bind_to_port("127.0.0.1", port) ? port : -1;
    }
    demand(impl_->port > 0, "bind");
    impl_->thread = std::thread([this] { impl_->server->listen_after_bind(); });
    demand(eventually([this] { return impl_->server->is_running(); }), "start");
}

FakeReceiver::~FakeReceiver() {
    release();
    impl_->server->stop();
    impl_->thread.join();
}

int FakeReceiver::port() const {
    return impl_->port;
}

std::string FakeReceiver::url(const std::string& path) const {
    return (impl_->tls ? "https" : "http") + std::string("://127.0.0.1:") + std::to_string(impl_->port) +
           path;
}

std::vector<Received> FakeReceiver::received() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->received;
}

bool FakeReceiver::wait_for(std::size_t count, Duration patience) const {
    std::unique_lock lock(impl_->mutex);
    return impl_->changed.wait_for(lock, patience, [&] { return impl_->received.size() >= count; });
}

void FakeReceiver::release() {
    const std::lock_guard lock(impl_->mutex);
    impl_->released = true;
    impl_->changed.notify_all();
}

int unused_port() {
    int port = 0;
    const UniqueFd fd = bound_socket(port);  // never listened: no TIME_WAIT stays
    return port;
}

struct ResettingServer::Impl {
    explicit Impl(int wanted) : port(wanted) {}
    int port = 0;
    UniqueFd fd = bound_socket(port);
    std::atomic<bool> stop = false;
    std::thread thread;

    void run() {
        while (!stop) {
            pollfd entry{fd.get(), POLLIN, 0};
            if (::poll(&entry, 1, 20) <= 0) continue;
            const UniqueFd client(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
            const linger reset{1, 0};  // close() sends RST
            ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        }
    }
};

ResettingServer::ResettingServer(int port) : impl_(std::make_unique<Impl>(port)) {
    demand(::listen(impl_->fd.get(), 16) == 0, "listen");
    impl_->thread = std::thread([this] { impl_->run(); });
}

ResettingServer::~ResettingServer() {
    impl_->stop = true;
    impl_->thread.join();
}

std::string ResettingServer::url() const {
    return "http://127.0.0.1:" + std::to_string(impl_->port) + "/hook";
}

bool eventually(const std::function<bool()>& condition, Duration patience) {
    const MonoTime end = MonoClock::now() + patience;
    while (!condition()) {
        if (MonoClock::now() > end) return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

}  // namespace sockdog::test
