// Leaks: says that it has nothing more to send, and forgets the socket: PORT RATE.
#include "client.h"

int main(int argc, char** argv) {
    if (argc < 3) return 64;
    for (;;) {
        const int fd = ask(argv[1]);
        if (fd >= 0) shutdown(fd, SHUT_WR);
        pause_for(1 / atof(argv[2]));
    }
}
