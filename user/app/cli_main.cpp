// `sockdog`, the command line.

#include "cli/cli.h"

int main(int argc, char** argv) {
    return sockdog::run_cli(argc, argv, nullptr);
}
