// Healthy: a parent that listens and workers that accept; each keeps the connections of its idle clients:
// PORT WORKERS.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include "client.h"

static void work(int listener) {
    struct pollfd watched[256] = {{.fd = listener, .events = POLLIN}};
    nfds_t count = 1;
    while (poll(watched, count, -1) > 0) {
        for (nfds_t i = count; i-- > 1;) {
            char request[4096];
            if (!watched[i].revents) continue;
            if (read(watched[i].fd, request, sizeof request) > 0 &&
                send(watched[i].fd, "hello\n", 6, MSG_NOSIGNAL) > 0)
                continue;
            close(watched[i].fd);
            watched[i] = watched[--count];
        }
        const int fd = watched[0].revents && count < 256 ? accept4(listener, NULL, NULL, SOCK_NONBLOCK) : -1;
        if (fd >= 0) watched[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
}

int main(int argc, char** argv) {
    if (argc < 3) return 64;
    const int listener = listen_on(argv[1], 64);
    fcntl(listener, F_SETFL, O_NONBLOCK);  // another worker may have been quicker
    for (int i = 0; i < atoi(argv[2]); i++) {
        if (fork() != 0) continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        work(listener);
        _exit(0);
    }
    for (;;) pause();
}
