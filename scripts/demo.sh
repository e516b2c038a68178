#!/usr/bin/env bash
# demo.sh [--no-build | --build-dir DIR]: shows sockdog at work on this host, in about a minute once it is built.
#   A bundled program leaks connections; sockdogd finds it, sockdog-relay tells a local receiver, the program is
#   restarted, the books show that the leak is gone, the incident is resolved. Two healthy programs stay unmentioned.
#   --no-build       with the programs in build/release/bin, as they are
#   --build-dir DIR  with the programs in DIR/bin, as they are
# Root is needed, for BPF (sudo is used where there is one). Everything lives in a temporary folder and is gone at the end.
# Exit code 0: all of that was seen. 1: it says what was missing, with the logs.
set -euo pipefail
cd "$(dirname "$0")/.."

build_dir=build/release
build=yes
while (($#)); do
    case $1 in
        --no-build) build=no ;;
        --build-dir)
            build_dir=${2:?--build-dir needs a folder}
            build=no
            shift
            ;;
        *)
            sed -n '2,8s/^# //p' "$0" >&2
            exit 64
            ;;
    esac
    shift
done

as_root=()
if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
        echo "demo.sh needs root: loading BPF programs asks for CAP_BPF and CAP_PERFMON" >&2
        exit 77
    fi
    as_root=(sudo)
fi

if [[ $build == yes ]]; then
    scripts/install-deps.sh run
    # A folder that scripts/test.sh has made is used as it is; a new one gets no tests.
    [[ -f $build_dir/CMakeCache.txt ]] || cmake --preset release -DBUILD_TESTING=OFF
    cmake --build --preset release --parallel "$(nproc)" --target sockdogd sockdog-relay sockdog
fi
for program in sockdogd sockdog-relay sockdog; do
    if [[ ! -x $build_dir/bin/$program ]]; then
        echo "there is no $build_dir/bin/$program: run demo.sh without --no-build" >&2
        exit 66
    fi
done
exec "${as_root[@]}" python3 scripts/demo/demo.py "$build_dir/bin"
