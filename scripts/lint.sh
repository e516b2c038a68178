#!/usr/bin/env bash
# lint.sh format                        C++ as .clang-format lays it out, scripts without complaints of shellcheck
# lint.sh tidy [--build-dir DIR] [--all | FILE...]
#                                       clang-tidy over the files that differ from the last commit, or all, or those named
# Changes nothing. DIR holds compile_commands.json (default: build/debug, which it configures: the
# release preset compiles several files as one).
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    sed -n '2,6s/^# //p' "$0" >&2
    exit 64
}

format() {
    local sources scripts
    # The kernel side is C in the kernel's own layout.
    mapfile -t sources < <(find user tests -name '*.cpp' -o -name '*.h' | sort)
    clang-format --dry-run -Werror "${sources[@]}"
    echo "${#sources[@]} C++ files are laid out as they should be"
    mapfile -t scripts < <(find scripts .ci -name '*.sh' -o -path '.ci/run' -o -path 'scripts/debian/*.in' | sort)
    shellcheck "${scripts[@]}"
    echo "${#scripts[@]} scripts are clean"
}

changed_sources() {
    {
        git diff --name-only --diff-filter=d HEAD
        git ls-files --others --exclude-standard
    } | grep -E '^(user|tests)/.*\.cpp$' | sort -u || true
}

# What clang-tidy has to know: how each file is compiled, and the headers that are generated.
configure_debug() {
    cmake --preset debug -DBUILD_TESTING=ON >/dev/null
    cmake --build --preset debug --target sockdog_bpf_skeleton sockdog_callsite_bpf_skeleton >/dev/null
}

tidy() {
    local build='' files=() chosen=changed
    while (($#)); do
        case $1 in
            --build-dir)
                build=${2:?--build-dir needs a folder}
                shift
                ;;
            --all) chosen=all ;;
            -*) usage ;;
            *)
                chosen=named
                files+=("$1")
                ;;
        esac
        shift
    done
    if [[ -z $build ]]; then
        configure_debug
        build=build/debug
    fi
    if [[ ! -f $build/compile_commands.json ]]; then
        echo "$build has no compile_commands.json: configure it with cmake, or leave --build-dir out" >&2
        exit 66
    fi
    case $chosen in
        all) mapfile -t files < <(find user tests -name '*.cpp' | sort) ;;
        changed) mapfile -t files < <(changed_sources) ;;
    esac
    if ((${#files[@]} == 0)); then
        echo "no changed files"
        return
    fi
    # clang-tidy cannot read the headers that GCC precompiled: it gets the commands without them.
    local commands
    commands=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder as it is now
    trap "rm -rf '$commands'" EXIT
    sed -E 's/-Winvalid-pch|-include [^ "]*cmake_pch\.hxx//g' "$build/compile_commands.json" >"$commands/compile_commands.json"
    printf '%s\n' "${files[@]}" |
        xargs -P "$(nproc)" -n 1 clang-tidy --quiet --extra-arg=-Wno-unknown-warning-option -p "$commands"
    echo "clang-tidy is content with ${#files[@]} files"
}

command=${1:-}
shift || true
case $command in
    format) format ;;
    tidy) tidy "$@" ;;
    *) usage ;;
esac
