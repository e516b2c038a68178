// Healthy: nobody listens; it tries again and again, and closes the socket each time: PORT RATE.
#include "client.h"

int main(int argc, char** argv) {
    if (argc < 3) return 64;
    for (;;) {
        const int fd = ask(argv[1]);
        if (fd >= 0) close(fd);
        pause_for(1 / atof(argv[2]));
    }
}
