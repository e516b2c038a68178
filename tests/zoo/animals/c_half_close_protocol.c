// Healthy: closes its half to end the request, as the protocol wants it; waits for the late answer, and
// closes: PORT RATE.
#include "client.h"

int main(int argc, char** argv) {
    if (argc < 3) return 64;
    int pending[10], next = 0;
    memset(pending, -1, sizeof pending);
    for (;; next = (next + 1) % 10) {
        char answer[4096];
        while (pending[next] >= 0 && read(pending[next], answer, sizeof answer) > 0) continue;
        if (pending[next] >= 0) close(pending[next]);
        pending[next] = ask(argv[1]);
        if (pending[next] >= 0) shutdown(pending[next], SHUT_WR);
        pause_for(1 / atof(argv[2]));
    }
}
