// `sockdog trace`: a stream of state changes until Ctrl-C, which is a clean end.

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <ostream>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/render.h"

namespace sockdog {
namespace {

/// SIGINT and SIGTERM as a readable fd while it lives.
class StopSignal {
  public:
    StopSignal() {
        sigemptyset(&mask_);
        sigaddset(&mask_, SIGINT);
        sigaddset(&mask_, SIGTERM);
        blocked_ = ::pthread_sigmask(SIG_BLOCK, &mask_, &before_) == 0;
        if (blocked_) fd_.reset(::signalfd(-1, &mask_, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    ~StopSignal() {
        // Take the signal that ended the stream, or unblocking would deliver it after all.
        signalfd_siginfo info{};
        while (fd_ && ::read(fd_.get(), &info, sizeof info) == sizeof info) {
        }
        if (blocked_) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] bool raised() const {
        pollfd waiting{fd_.get(), POLLIN, 0};
        return fd_ && ::poll(&waiting, 1, 0) == 1;
    }

  private:
    sigset_t mask_{};
    sigset_t before_{};
    bool blocked_ = false;
    UniqueFd fd_;
};

std::string line_of(const nlohmann::json& event, const Options& options, const Style& style) {
    if (options.json) return event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    return render_trace(event.get<TraceEvent>(), read_now(), style);
}

}  // namespace

int trace(const Options& options, const Surroundings& io) {
    const StopSignal stop;
    auto client = VarlinkClient::connect(options.socket);
    if (!client) return fail(io, client.error());
    nlohmann::json parameters = nlohmann::json::object();
    if (options.pid) parameters["pid"] = *options.pid;
    const auto on_reply = [&](const nlohmann::json& reply) {
        io.out << line_of(reply.at("event"), options, io.style) << std::flush;
        return static_cast<bool>(io.out);  // a closed pipe ends it
    };
    const auto ended = client->stream(full_name("Trace"), parameters, on_reply, stop.fd());
    if (stop.raised() || !io.out) return kExitOk;
    if (!ended) return fail(io, ended.error());
    return fail(io, make_error("sockdogd ended the trace", ECONNRESET));
}

}  // namespace sockdog
