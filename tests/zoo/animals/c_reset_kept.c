// Leaks: keeps the socket when the server has reset the connection; the kernel is done with it, and no longer
// shows it: PORT RATE.
#include <errno.h>

#include "client.h"

int main(int argc, char** argv) {
    if (argc < 3) return 64;
    int open[64];
    for (int count = 0;;) {
        const int fd = ask(argv[1]);
        if (fd >= 0 && count < 64) open[count++] = fd;
        for (int i = 0; i < count; i++) {
            char answer[4096];
            const ssize_t length = recv(open[i], answer, sizeof answer, MSG_DONTWAIT);
            if (length > 0 || (length < 0 && errno == EAGAIN)) continue;
            if (length == 0) close(open[i]);
            open[i--] = open[--count];  // and ECONNRESET needs no close, or so it thinks
        }
        pause_for(1 / atof(argv[2]));
    }
}
