"""Services that leak, and what becomes of them: of systemd, of a user's own systemd, of monit."""
import json
import os
import pwd
import re
import time
from pathlib import Path

from packages_story import is_active, main_pid, same_books, status
from steps import HERE, Wrong, expect, run, run_all, wait_for

PROGRAMS = HERE / "programs"
PYTHON = "/usr/bin/python3"
PORTS = {"service": 8081, "user": 8082, "masked": 8083, "monit": 8084}
RECEIVER = 9099
ALERTS = Path("/run/vm-alerts.jsonl")

# Minutes are seconds here, and the guest has just been started.
CONFIG = f"""\
tick: 500ms
walk_interval: 1s
remedies:
  after_boot: 0s
  monit: {{url: "http://127.0.0.1:2822", credentials_file: /etc/sockdog/monit}}
defaults:
  close_wait: {{count: 8, dwell: 2s, wake: 16}}
  idle_growth: {{survivors: 12, windows: 3, window: 3s, min_age: 2s}}
  incident: {{resolve_after: 12s, gone_after: 10s}}
policies:
  - name: service
    match: {{unit: vm-leaky.service}}
    remedy: &restart
      {{action: systemd-restart, dry_run: false, sustained: 3s, min_leaked: 10, cooldown: 10m, budget: 10, verify: 10s}}
  - name: user
    match: {{cgroup: "*/vm-user-leaky.service"}}
    remedy: *restart
  - name: masked
    match: {{unit: vm-masked.service}}
    remedy: *restart
  - name: monit
    match: {{command_line: "*leaky_client.py {PORTS['monit']} *"}}
    remedy: {{action: monit-restart, dry_run: false, sustained: 3s, min_leaked: 10, cooldown: 10m, budget: 10, verify: 40s}}
receivers:
  - name: vm
    type: webhook
    url: http://127.0.0.1:{RECEIVER}/alerts
    secret_file: /run/credentials/sockdog-relay.service/vm.secret
  - {{name: journal, type: journal}}
"""

# Leaks in its first life, and is well after a restart. Each life leaves a line.
ONCE = """\
#!/bin/sh
# once.sh NAME PORT: a client that leaks when NAME runs for the first time.
starts=${VM_STARTS:-/run/vm}/$1.starts
echo $$ >> "$starts"
[ "$(wc -l < "$starts")" -gt 1 ] && export LEAKY_KEEP=0
exec %s %s/leaky_client.py "$2" 4 3600
""" % (PYTHON, PROGRAMS)

SERVICE = """\
[Unit]
Description=A client that never closes ({name})
[Service]
ExecStart={here}/once.sh {name} {port}
"""


def put(path, text, mode=0o644):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def starts(name, folder="/run/vm"):
    file = Path(folder) / f"{name}.starts"
    return len(file.read_text(encoding="utf-8").splitlines()) if file.exists() else 0


def incidents():
    return json.loads(run("sockdog", "--json", "incidents", "--all"))["incidents"]


def incident_to(port):
    return next((incident for incident in incidents() if incident["first"]["endpoint"] == f"127.0.0.1:{port}"), None)


def outcomes(incident):
    return [remedy["outcome"] for remedy in incident["remedies"]]


def set_up():
    """Once, with the first step that needs it: the servers, the receiver, the configuration."""
    if Path("/run/vm/ready").exists():
        return
    put(HERE / "once.sh", ONCE, 0o755)
    Path("/run/vm").mkdir(exist_ok=True)
    Path("/run/vm").chmod(0o777)
    for port in PORTS.values():
        run("systemd-run", "--quiet", f"--unit=vm-server-{port}", PYTHON, PROGRAMS / "keepalive_server.py", port, 2)
    put("/etc/sockdog/vm.secret", "0123456789abcdef0123456789abcdef\n", 0o600)
    run("systemd-run", "--quiet", "--unit=vm-receiver", PYTHON, PROGRAMS / "receiver.py", RECEIVER, "/etc/sockdog/vm.secret",
        ALERTS)
    put("/etc/systemd/system/sockdog-relay.service.d/vm.conf",
        "[Service]\nLoadCredential=vm.secret:/etc/sockdog/vm.secret\n")
    put("/etc/systemd/system/vm-leaky.service", SERVICE.format(name="service", port=PORTS["service"], here=HERE))
    # Where packages put theirs: one in /etc cannot be masked.
    put("/usr/lib/systemd/system/vm-masked.service", SERVICE.format(name="masked", port=PORTS["masked"], here=HERE))
    put("/etc/systemd/user/vm-user-leaky.service", SERVICE.format(name="user", port=PORTS["user"], here=HERE))
    put("/etc/sockdog/monit", "admin:watchdog\n", 0o600)
    put("/etc/sockdog/sockdog.d/10-vm.yaml", CONFIG)
    run("systemctl", "daemon-reload")
    run("systemctl", "reload", "sockdogd")
    run("systemctl", "restart", "sockdog-relay")
    wait_for("the configuration", 20, lambda: run_all("sockdog", "status")[0] == 0 and not status()["config_error"])
    for port in [*PORTS.values(), RECEIVER]:
        wait_for(f"a server on port {port}", 30, lambda port=port: f":{port:04X} 00000000:0000 0A" in Path(
            "/proc/net/tcp").read_text(encoding="utf-8"))
    put("/run/vm/ready", "")


def restarted_once(name, port, action):
    """Waits for the whole story of one leak: found, acted on once, verified, resolved."""
    found = wait_for("an incident", 90, lambda: incident_to(port))
    try:
        return seen_through(found, name, port, action)
    except Wrong as wrong:
        raise Wrong(f"{wrong}\n{run('sockdog', 'explain', found['id'])}") from wrong


def seen_through(found, name, port, action):
    wait_for("the end of the remedy", 150, lambda: {"succeeded", "failed"} & set(outcomes(incident_to(port))))
    incident = wait_for("the incident to resolve", 90, lambda: (seen := incident_to(port)) and not seen["open"] and seen)
    told = [(remedy["outcome"], remedy["action"], remedy["target"], remedy["reason"]) for remedy in incident["remedies"]]
    expect(outcomes(incident).count("started") == 1 and outcomes(incident)[-1] == "succeeded", f"remedies: {told}")
    expect(told[-1][1] == action, f"remedies: {told}")
    time.sleep(5)
    expect(starts(name) == 2, f"{name} was started {starts(name)} times, not twice")
    story = run("sockdog", "explain", incident["id"])
    for word in (action, "succeeded", "resolved"):
        expect(word in story, f"explain does not tell of '{word}': {story}")
    return f"{found['first']['class']}, {told[-1][2]}: {told[-1][3]}", story


def leaking_service():
    """The whole of it: found, restarted by systemd exactly once, verified, resolved, and told to a receiver."""
    set_up()
    run("systemctl", "start", "vm-leaky.service")
    detail, story = restarted_once("service", PORTS["service"], "systemd-restart")

    def events():
        lines = ALERTS.read_text(encoding="utf-8").splitlines() if ALERTS.exists() else []
        return [json.loads(line)["event"]["event"] for line in lines]
    wait_for("the alert that it is resolved", 30, lambda: "resolved" in events())
    expect(events().count("opened") == 1, f"alerts: {events()}")
    line = re.search(r"leaky_client\.py:\d+ <module>", story)
    expect(line, f"explain does not name the line: {story}")
    return f"{detail}, opened by {line[0]}; alerts {', '.join(events())}", story


def books_over_restart():
    """Counts, and since when they are, outlive the daemon; sockets that were opened meanwhile are in them."""
    set_up()
    before = status()
    pid = main_pid("sockdogd.service")
    run("systemctl", "kill", "--signal=SIGKILL", "sockdogd.service")
    wait_for("another sockdogd", 60, lambda: is_active("sockdogd.service") and main_pid("sockdogd.service") not in (pid, "0"))
    wait_for("its answer", 30, lambda: run_all("sockdog", "status")[0] == 0)
    killed = status()
    expect(same_books(killed, before), f"after SIGKILL the books began anew: {killed['books_since']}")
    run("systemctl", "restart", "sockdogd.service")
    restarted = wait_for("an answer", 30, lambda: run_all("sockdog", "status")[0] == 0 and status())
    expect(same_books(restarted, before),
           f"after a restart the books began anew: {restarted['books_since']}")
    for counter in ("opened", "accepted", "closed"):
        expect(before["totals"][counter] <= killed["totals"][counter] <= restarted["totals"][counter],
               f"{counter}: {before['totals'][counter]}, {killed['totals'][counter]}, {restarted['totals'][counter]}")
    run("systemctl", "stop", "sockdogd.service")
    left = os.listdir("/sys/fs/bpf/sockdog") if os.path.exists("/sys/fs/bpf/sockdog") else []
    words = run("journalctl", "-q", "-o", "cat", "-u", "sockdogd.service", "-n", "15")
    expect(not left, f"a stop leaves {', '.join(left)} in the kernel: {words}")
    run("systemctl", "start", "sockdogd.service")
    wait_for("an answer", 30, lambda: run_all("sockdog", "status")[0] == 0)
    return f"opened {before['totals']['opened']}, {killed['totals']['opened']}, {restarted['totals']['opened']}"


def user_unit():
    """A service of a user's own systemd, restarted through that."""
    set_up()
    run("useradd", "--create-home", "alice")
    run("loginctl", "enable-linger", "alice")
    uid = pwd.getpwnam("alice").pw_uid
    wait_for("alice's bus", 90, lambda: os.path.exists(f"/run/user/{uid}/bus"))
    wait_for("her manager", 60, lambda: run_all("systemctl", "--user", "--machine=alice@.host", "is-system-running")[1].strip()
             in ("running", "degraded"))
    run("systemctl", "--user", "--machine=alice@.host", "start", "vm-user-leaky.service")
    return restarted_once("user", PORTS["user"], "systemd-restart")


def refused_units():
    """A unit that was masked while it ran is left alone, and a person is told."""
    set_up()
    run("systemctl", "start", "vm-masked.service")
    run("systemctl", "mask", "vm-masked.service")
    incident = wait_for("an incident", 90, lambda: incident_to(PORTS["masked"]))
    try:
        incident = wait_for("the refusal", 60, lambda: (seen := incident_to(PORTS["masked"])) and
                            {"failed", "held"} & set(outcomes(seen)) and seen)
    except Wrong as wrong:
        raise Wrong(f"{wrong}\n{run('sockdog', 'explain', incident['id'])}") from wrong
    refusal = next(remedy for remedy in incident["remedies"] if remedy["outcome"] in ("failed", "held"))
    expect("masked" in refusal["reason"], f"the reason says: {refusal['reason']}")
    expect(starts("masked") == 1, "it was restarted all the same")
    expect(refusal["reason"][:20] in run("sockdog", "explain", incident["id"]), "explain does not tell of it")
    run("systemctl", "stop", "vm-masked.service")
    run("systemctl", "unmask", "vm-masked.service")
    return refusal["reason"]


def monit():
    """Real monit on BOSH's port, asked by the helper in sockdogd's sandbox."""
    set_up()
    pid_file = "/run/vm/monit-leaky.pid"
    put(HERE / "monit-start.sh", f"#!/bin/sh\nsetsid {HERE}/once.sh monit {PORTS['monit']} < /dev/null > /dev/null 2>&1 &\n"
        f"echo $! > {pid_file}\n", 0o755)
    put("/etc/monit/conf.d/vm", f"""\
set httpd port 2822 and use address 127.0.0.1
    allow admin:watchdog
check process vm-leaky with pidfile {pid_file}
    start program = "{HERE}/monit-start.sh"
    stop program = "/bin/sh -c 'kill $(cat {pid_file})'"
""")
    # monit knows a pid only after its next round, two minutes in Debian's own file.
    run("sed", "-i", "s/^ *set daemon .*/set daemon 5/", "/etc/monit/monitrc")
    run("monit", "-t")
    run("systemctl", "restart", "monit.service")
    try:
        return restarted_once("monit", PORTS["monit"], "monit-restart")
    except Wrong as wrong:
        raise Wrong(f"{wrong}\nmonit: {run('tail', '-n', '30', '/var/log/monit.log')}") from wrong
