// Leaks: an event loop that stops watching a connection when its end was read, and never closes it: PORT
// RATE.
#include <sys/epoll.h>

#include "client.h"

int main(int argc, char** argv) {
    if (argc < 3) return 64;
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (;;) {
        const int fd = ask(argv[1]);
        struct epoll_event interest = {.events = EPOLLIN, .data.fd = fd}, ready;
        if (fd >= 0) epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest);
        while (epoll_wait(epoll, &ready, 1, 0) == 1) {
            char answer[4096];
            if (read(ready.data.fd, answer, sizeof answer) > 0) continue;
            epoll_ctl(epoll, EPOLL_CTL_DEL, ready.data.fd, NULL);
        }
        pause_for(1 / atof(argv[2]));
    }
}
