// `sockdog`, the command line.

#include "app/local_kernel.h"
#include "cli/cli.h"

int main(int argc, char** argv) {
    sockdog::ProbeKernel kernel;
    return sockdog::run_cli(argc, argv, &kernel);
}
