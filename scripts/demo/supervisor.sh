#!/usr/bin/env bash
# supervisor.sh PID_FILE COMMAND...: keeps COMMAND running, as a service manager would. HUP restarts it, TERM ends both.
# From the second start on COMMAND has LEAKY_KEEP=0 in its environment, with which the leaking client closes its
# connections: in the demonstration a restart is also the update that mends the program.
set -u
pid_file=$1
shift
ending=
child=

end_child() { [[ -z $child ]] || kill -TERM "$child" 2>/dev/null || true; }
trap end_child HUP
trap 'ending=yes; end_child' TERM INT

while [[ -z $ending ]]; do
    "$@" &
    child=$!
    echo "$child" >"$pid_file.new" && mv "$pid_file.new" "$pid_file"
    # A trap interrupts `wait`: the child is over only when it cannot be signalled any more.
    while kill -0 "$child" 2>/dev/null; do
        wait "$child" 2>/dev/null
    done
    export LEAKY_KEEP=0
    [[ -n $ending ]] || sleep 0.5
done
