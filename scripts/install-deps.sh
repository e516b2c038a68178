#!/usr/bin/env bash
# install-deps.sh [run|test|bench|zoo|package|vm]: the Debian 12 packages that sockdog needs.
#   run    to build and run the programs, and for scripts/demo.sh (default)
#   test   also to build and run the tests, and to check the sources
#   zoo    test, and the interpreters and compilers for all programs of tests/zoo
#   package  run, and to make and check the Debian packages
#   vm     test, and to boot tests/vm/bench.py's guests
#   (test, zoo, vm: prometheus, prometheus-alertmanager, nats-server and monit come as services; the tests do not use these,
#   `systemctl disable --now` ends them)
#   bench  also for scripts/bench.sh; nginx comes as a service that listens on port 80
# Installs only what is missing, so it is quick and needs no network when nothing is. As root, or through sudo.
set -euo pipefail

compilers=(g++ cmake ninja-build pkg-config)
kernel_side=(clang llvm bpftool libbpf-dev libelf-dev zlib1g-dev)
libraries=(libspdlog-dev nlohmann-json3-dev libyaml-cpp-dev libcli11-dev libsystemd-dev libsqlite3-dev
           libcurl4-openssl-dev libssl-dev libexpat1-dev libdw-dev libnats-dev libcpp-httplib-dev
           prometheus-cpp-dev libcrypt-dev libncurses-dev)
running=(python3 util-linux)
testing=(libgtest-dev libgmock-dev                    # what the test programs link
         dbus-daemon systemd groff-base               # a bus of their own, systemd-analyze, the manual pages
         ruby golang-go python3-pytest                # their call sites, as python3's; sockdog run -- pytest
         libxml2-utils python3-jsonschema             # its reports against their schemas
         prometheus prometheus-alertmanager nats-server  # tests start their own, on ports of their own
         chromium chromium-driver python3-selenium    # the page in a browser
         monit                                        # tests start their own; its service opens no port
         clang-format clang-tidy shellcheck git)      # scripts/lint.sh
keeping=(nodejs openjdk-17-jdk-headless gcc # what the animals are written in, beside ruby and go
         openssl)                           # a certificate for their habitat
of_some_releases=(ruby-async-http) # what the tests use where Debian has it
packing=(dpkg-dev file lintian)
booting=(debootstrap qemu-system-x86 e2fsprogs rsync)
benching=(iproute2 nginx-light wrk libbpf-tools) # ss, a server under load, the peers tcplife and tcpstates

packages=("${compilers[@]}" "${kernel_side[@]}" "${libraries[@]}" "${running[@]}")
case "${1:-run}" in
    run) ;;
    test) packages+=("${testing[@]}") ;;
    zoo) packages+=("${testing[@]}" "${keeping[@]}") ;;
    package) packages+=("${packing[@]}") ;;
    vm) packages+=("${testing[@]}" "${booting[@]}") ;;
    bench) packages+=("${testing[@]}" "${benching[@]}") ;;
    *)
        sed -n '2,11s/^# //p' "$0" >&2
        exit 64
        ;;
esac

if ! command -v apt-get >/dev/null; then
    echo "install-deps.sh knows Debian and its kin only. Needed are: ${packages[*]}" >&2
    exit 69
fi

[[ ${1:-run} == test || ${1:-run} == zoo || ${1:-run} == vm ]] && packages+=("${of_some_releases[@]}")

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
    echo "all ${#packages[@]} packages are there"
    exit 0
fi

as_root=()
if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
        echo "not root, and there is no sudo. As root: apt-get install ${missing[*]}" >&2
        exit 77
    fi
    as_root=(sudo)
fi
echo "installing ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
"${apt[@]}" update </dev/null
for package in "${!missing[@]}"; do
    if [[ " ${of_some_releases[*]} " == *" ${missing[package]} "* && -z $(apt-cache madison "${missing[package]}") ]]; then
        unset "missing[package]"
    fi
done
((${#missing[@]} == 0)) || "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null
