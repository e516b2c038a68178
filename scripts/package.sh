#!/usr/bin/env bash
# package.sh [--no-install] [--release N] [CMAKE-OPTION...]: the Debian packages sockdog and sockdog-relay, in
# build/package/packages. They are for the release of Debian they are built on.
#   --no-install  takes what is installed
#   --release N   the part of the version after the dash, 1 if not given
set -euo pipefail
cd "$(dirname "$0")/.."

install=yes
release=1
options=()
while (($# > 0)); do
    case $1 in
        --no-install) install=no ;;
        --release)
            [[ ${2-} =~ ^[0-9][0-9a-z.+~]*$ ]] || {
                echo "package.sh: --release needs a number, as 1" >&2
                exit 64
            }
            release=$2
            shift
            ;;
        -D*) options+=("$1") ;;
        *)
            sed -n '2,5s/^# //p' "$0" >&2
            exit 64
            ;;
    esac
    shift
done

[[ $install == no ]] || scripts/install-deps.sh package
# What is in a package has the time of the last change, not that of the build.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
! command -v ccache >/dev/null || options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake --preset package -DSOCKDOG_PACKAGE_RELEASE="$release" "${options[@]}"
cmake --build --preset package --parallel "$(nproc)"
rm -rf build/package/packages
(cd build/package && umask 022 && cpack -G DEB)
ls -l build/package/packages/*.deb
