// `sockdog`, the command line.

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "app/local_kernel.h"
#include "cli/cli.h"

int main(int argc, char** argv) {
    // Standard output is for answers, and for what the command of `run` prints.
    spdlog::set_default_logger(spdlog::stderr_logger_mt("sockdog"));
    sockdog::ProbeKernel kernel;
    return sockdog::run_cli(argc, argv, &kernel);
}
