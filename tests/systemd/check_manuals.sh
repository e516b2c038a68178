#!/bin/sh
# check_manuals.sh FOLDER: every manual page formats without a warning and has the sections a reader looks for.
set -eu
if ! command -v groff >/dev/null; then
    echo "SKIPPED: groff is not installed"
    exit 77
fi
failed=0
pages=0
for page in "$1"/*.[158]; do
    pages=$((pages + 1))
    said=$(groff -man -ww -z "$page" 2>&1) || true
    [ -z "$said" ] || { echo "$said"; failed=1; }
    for section in NAME SYNOPSIS DESCRIPTION 'SEE ALSO'; do
        grep -q "^\.SH $section\$" "$page" || { echo "$page: no section $section"; failed=1; }
    done
done
[ "$pages" -eq 4 ] || { echo "$pages pages in $1, not 4"; failed=1; }
exit $failed
