#!/usr/bin/env bash
# test.sh [--asan] [--tsan] [--no-install]: installs what is needed, builds everything (preset release), runs the tests.
#   --asan, --tsan  before that, the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer, or ThreadSanitizer
#   --no-install    takes what is installed
# Kernel tests open real leaking sockets and load BPF: they need root, and say so where they are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

sanitizers=()
install=yes
for option in "$@"; do
    case $option in
        --asan) sanitizers+=(asan) ;;
        --tsan) sanitizers+=(tsan) ;;
        --no-install) install=no ;;
        *)
            sed -n '2,5s/^# //p' "$0" >&2
            exit 64
            ;;
    esac
done
jobs=$(nproc)

say() { printf '\n== %s\n' "$*"; }

# Only for books.syscall_failures; a container often starts without it.
mount_tracefs() {
    [[ $EUID -eq 0 && -d /sys/kernel/tracing && ! -e /sys/kernel/tracing/events ]] || return 0
    mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null ||
        echo "tracefs cannot be mounted: tests of syscall failures will be skipped"
}

# build PRESET: a build folder of scripts/demo.sh has no tests, hence BUILD_TESTING by name.
build() {
    local launcher=()
    ! command -v ccache >/dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    cmake --preset "$1" -DBUILD_TESTING=ON "${launcher[@]}"
    cmake --build --preset "$1" --parallel "$jobs"
}

if [[ $install == yes ]]; then
    say "packages"
    scripts/install-deps.sh test
fi
mount_tracefs
for preset in "${sanitizers[@]}"; do
    say "unit tests with $preset"
    build "$preset"
    ctest --test-dir "build/$preset" --output-on-failure --parallel "$jobs" -L '^unit$'
done
say "build"
build release
# Kernel tests are RUN_SERIAL, they count the sockets of the whole host; unit tests share the cores.
say "tests"
ctest --test-dir build/release --output-on-failure --parallel "$jobs" -LE '^(bench|vm)$'
