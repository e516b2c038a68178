// Leaks: forks a child per connection, and the parent does not close its own copy of the socket: PORT.
#include <signal.h>

#include "client.h"

int main(int argc, char** argv) {
    if (argc < 2) return 64;
    const int listener = listen_on(argv[1], 64);
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        const int fd = accept(listener, NULL, NULL);
        if (fd < 0 || fork() != 0) continue;
        char request[4096];
        if (read(fd, request, sizeof request) > 0) send(fd, "hello\n", 6, MSG_NOSIGNAL);
        _exit(0);
    }
}
