// bench_storm: a load of connections over loopback, on one core.
//   bench_storm --seconds S [--core N] [--rate R]  connects, accepts and closes with RST, as fast as it can
//   or R a second;
//                                                  prints connections, seconds and its own CPU time as JSON
//   bench_storm --hold N                           holds N sockets open (in several processes), says "ready",
//   and stays
//                                                  until its input ends
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSocketsPerProcess = 8000;  // below the usual hard limits of open files
constexpr int kMostHeld = 400'000;
constexpr double kMostSeconds = 600;

struct Wish {
    double seconds = 0;
    double rate = 0;
    int core = -1;
    int hold = 0;
};

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "bench_storm: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

int listen_on(sockaddr_in* address) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof *address;
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(address), length) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, reinterpret_cast<sockaddr*>(address), &length) != 0)
        give_up("listen");
    return fd;
}

int connect_to(const sockaddr_in& address) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        give_up("connect");
    return fd;
}

int accept_from(int listener) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) give_up("accept");
    return fd;
}

sockaddr_in loopback(int host) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<in_addr_t>(host));
    return address;
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void one_connection(int listener, const sockaddr_in& address) {
    static constexpr linger kReset{.l_onoff = 1, .l_linger = 0};
    const int client = connect_to(address);
    const int server = accept_from(listener);
    setsockopt(client, SOL_SOCKET, SO_LINGER, &kReset, sizeof kReset);
    close(client);
    close(server);
}

void pin_to(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(core), &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) give_up("pin to a core");
}

void run_loop(const Wish& wish) {
    sockaddr_in address = loopback(0);
    const int listener = listen_on(&address);
    for (int i = 0; i < 2000; i++) one_connection(listener, address);  // warm caches and slabs
    const auto start = Clock::now();
    const double cpu = cpu_seconds();
    const auto end = start + std::chrono::duration<double>(wish.seconds);
    unsigned long done = 0;
    for (; Clock::now() < end; done++) {
        one_connection(listener, address);
        if (wish.rate > 0)
            std::this_thread::sleep_until(
                start + std::chrono::duration_cast<Clock::duration>(
                            std::chrono::duration<double>(static_cast<double>(done) / wish.rate)));
    }
    const std::chrono::duration<double> took = Clock::now() - start;
    std::printf("{\"connections\": %lu, \"seconds\": %.4f, \"cpu_seconds\": %.4f}\n", done, took.count(),
                cpu_seconds() - cpu);
}

void open_and_wait(int sockets, int host, int ready) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    sockaddr_in address = loopback(host);
    const int listener = listen_on(&address);
    for (int held = 1; held + 1 < sockets; held += 2) {
        connect_to(address);
        accept_from(listener);
    }
    if (write(ready, "r", 1) != 1) std::exit(1);
    for (;;) pause();
}

void hold(int sockets) {
    int ready[2];
    if (pipe(ready) != 0) give_up("pipe");
    std::vector<pid_t> children;
    for (int left = sockets; left > 0; left -= kSocketsPerProcess) {
        const pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(ready[0]);
            open_and_wait(std::min(left, kSocketsPerProcess), 1 + static_cast<int>(children.size()),
                          ready[1]);
        }
        if (child < 0) give_up("fork");
        children.push_back(child);
    }
    close(ready[1]);
    char byte = 0;
    std::size_t count = 0;
    while (count < children.size() && read(ready[0], &byte, 1) == 1) count++;
    if (count == children.size()) {
        std::puts("ready");
        std::fflush(stdout);
        while (read(STDIN_FILENO, &byte, 1) > 0) {
        }
    }
    for (const pid_t child : children) kill(child, SIGKILL);
    for (const pid_t child : children) waitpid(child, nullptr, 0);
    if (count < children.size()) std::exit(1);
}

Wish read_wish(int count, char** words) {
    static constexpr option kOptions[] = {{"seconds", required_argument, nullptr, 's'},
                                          {"rate", required_argument, nullptr, 'r'},
                                          {"core", required_argument, nullptr, 'c'},
                                          {"hold", required_argument, nullptr, 'h'},
                                          {}};
    Wish wish;
    for (int got = 0; (got = getopt_long(count, words, "", kOptions, nullptr)) != -1;) {
        if (got == 's')
            wish.seconds = std::min(std::strtod(optarg, nullptr), kMostSeconds);
        else if (got == 'r')
            wish.rate = std::strtod(optarg, nullptr);
        else if (got == 'c')
            wish.core = static_cast<int>(std::strtol(optarg, nullptr, 10));
        else if (got == 'h')
            wish.hold = static_cast<int>(std::min<long>(std::strtol(optarg, nullptr, 10), kMostHeld));
        else
            std::exit(2);
    }
    return wish;
}

}  // namespace

int main(int count, char** words) {
    const Wish wish = read_wish(count, words);
    if (wish.core >= 0) pin_to(wish.core);
    if (wish.hold > 0)
        hold(wish.hold);
    else if (wish.seconds > 0)
        run_loop(wish);
    else
        return 2;
    return 0;
}
