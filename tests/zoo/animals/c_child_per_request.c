// Healthy: a short-lived process per request, which closes nothing; its end does: PORT RATE.
#include <signal.h>

#include "client.h"

int main(int argc, char** argv) {
    if (argc < 3) return 64;
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        if (fork() == 0) {
            char answer[4096];
            const int fd = ask(argv[1]);
            if (fd >= 0 && read(fd, answer, sizeof answer) > 0) pause_for(1);
            _exit(0);
        }
        pause_for(1 / atof(argv[2]));
    }
}
