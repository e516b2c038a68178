#!/bin/sh
# check_units.sh GENERATED SOURCE: verifies the units, the group and the folders with systemd's tools.
# The programs need not be installed: ExecStart is pointed to a stand-in, which `systemd-analyze verify` asks for.
set -eu
generated=$1
source=$2
export SYSTEMD_PAGER= SYSTEMD_COLORS=0

if ! command -v systemd-analyze >/dev/null; then
    echo "SKIPPED: systemd-analyze is not installed"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "FAILED: $*"
    failed=1
}

# Verified beside the service that it belongs to.
cp "$source/sockdog-relay.socket" "$work/"

for unit in sockdogd.service sockdog-relay.service; do
    ! grep '@[A-Z_]*@' "$generated/$unit" || fail "$unit has names that were not filled in"
    sed -e 's,^\(Exec[A-Za-z]*\)=[^ ]*/\(sockdogd\|sockdog-relay\),\1=/bin/true,' "$generated/$unit" >"$work/$unit"
    grep -q '^ExecStart=/bin/true ' "$work/$unit" || fail "$unit has no ExecStart of ours"
    said=$(systemd-analyze verify --man=no --recursive-errors=no "$work/$unit" 2>&1) || fail "$unit: verify exits with $?"
    # Only what it says about this unit counts; the host's own units are not our subject.
    ours=$(printf '%s\n' "$said" | grep -F "$unit" || true)
    [ -z "$ours" ] || fail "$unit: $ours"

    # A check that never fails proves nothing: a misspelt copy must be noticed.
    sed -e 's/^ProtectSystem=.*/ProtectSystem=stricter/' "$work/$unit" >"$work/bad-$unit"
    said=$(systemd-analyze verify --man=no --recursive-errors=no "$work/bad-$unit" 2>&1 || true)
    printf '%s\n' "$said" | grep -q 'bad-' || fail "$unit: verify does not notice a misspelt setting"

    # For the reader of the log: what systemd thinks of the sandbox.
    systemd-analyze security --offline=true --no-pager "$work/$unit" 2>/dev/null | tail -n 2 || true
done

if command -v systemd-sysusers >/dev/null; then
    mkdir -p "$work/root/etc" "$work/root/usr/lib/sysusers.d"
    cp "$source/sockdog.sysusers.conf" "$work/root/usr/lib/sysusers.d/sockdog.conf"
    systemd-sysusers --root="$work/root" || fail "systemd-sysusers refuses the group"
    grep -q '^sockdog:' "$work/root/etc/group" || fail "systemd-sysusers made no group sockdog"
fi

exit $failed
