// Leaks: the thread that accepts is stuck; the kernel goes on to take connections, whose clients give up:
// PORT.
#include "client.h"

int main(int argc, char** argv) {
    if (argc < 2) return 64;
    listen_on(argv[1], 1024);
    for (;;) pause();
}
