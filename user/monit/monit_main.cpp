// sockdog-monit: restarts the service of monit that a process belongs to. Started by sockdogd for one action;
// reads one request from standard input and writes one line. See monit/exchange.h.
#include <curl/curl.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <string>

#include "monit/exchange.h"
#include "monit/unprivileged.h"

namespace {

using namespace sockdog;

constexpr std::size_t kMostInput = 16384;  // sockdogd writes less than 4 KiB

Result<std::string> read_input() {
    std::string input;
    std::array<char, 4096> buffer{};
    while (input.size() <= kMostInput) {
        const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return Error::from_errno("read the request");
        if (n == 0) return input;
        input.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return make_error("the request is too long", EFBIG);
}

std::string answer() {
    const auto input = read_input();
    if (!input) return monit::failure_line(input.error().message);
    const auto request = monit::parse_request(*input);
    if (!request) return monit::failure_line(request.error().message);
    if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
        return monit::failure_line("libcurl cannot be used");
    return monit::carry_out(*request);
}

}  // namespace

int main() try {
    const auto dropped = monit::give_up_privileges();
    std::string line =
        dropped.ok() ? answer()
                     : monit::failure_line(dropped.error().within("privileges cannot be given up").message);
    line += '\n';
    // Shorter than PIPE_BUF, so it is written as a whole or not at all.
    return ::write(STDOUT_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size()) ? 0 : 1;
} catch (const std::exception&) {
    return 1;  // no memory: sockdogd tells the status
}
