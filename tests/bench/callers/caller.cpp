// caller DEPTH: for each number read, opens so many connections from DEPTH calls deep; prints the CPU seconds
// it took.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

int listener;
sockaddr_in address;

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

[[gnu::noinline]] void connect_once() {
    const linger reset{1, 0};
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::exit(1);
    const int server = accept(listener, nullptr, nullptr);
    setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(client);
    close(server);
}

[[gnu::noinline]] int deep(int levels, int count) {
    int done = 0;
    if (levels > 1)
        done = deep(levels - 1, count);
    else
        for (; done < count; done++) connect_once();
    asm volatile("" : "+r"(done));  // so that the call is not the last thing done
    return done;
}

}  // namespace

int main(int count, char** words) {
    if (count != 2) return 64;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (bind(listener, reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
        listen(listener, 16) != 0 ||
        getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0)
        return 1;
    std::puts("ready");
    std::fflush(stdout);
    char line[32];
    while (std::fgets(line, sizeof line, stdin)) {
        const double start = cpu_seconds();
        deep(std::atoi(words[1]), std::atoi(line));
        std::printf("%f\n", cpu_seconds() - start);
        std::fflush(stdout);
    }
    return 0;
}
