"""The packages: installed, sandboxed, upgraded, removed, purged."""
import glob
import json
import os
import re
from datetime import datetime

from steps import HERE, expect, run, run_all, wait_for

UNITS = ("sockdogd.service", "sockdog-relay.service")
OURS = re.compile(r"\bname (transition|farewell|process_exit|audit|walk|stamp)\b")
CAPABILITIES = {"BPF", "PERFMON", "SYS_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH", "CHOWN", "KILL", "SETUID", "SETGID"}
NUMBERS = {"CHOWN": 0, "DAC_READ_SEARCH": 2, "KILL": 5, "SETGID": 6, "SETUID": 7, "SYS_PTRACE": 19, "SYS_ADMIN": 21,
           "PERFMON": 38, "BPF": 39}


def debs(folder):
    return sorted(glob.glob(str(HERE / folder / "*.deb")), reverse=True)  # sockdog before sockdog-relay


def is_active(unit):
    return run_all("systemctl", "is-active", unit)[1].strip() == "active"


def status():
    return json.loads(run("sockdog", "--json", "status"))["status"]


def same_books(one, other):
    """The moment is kept on the monotonic clock; told in wall time it may differ by what lies between two looks at clocks."""
    begun = [datetime.fromisoformat(status["books_since"].replace("Z", "+00:00")) for status in (one, other)]
    return abs((begun[0] - begun[1]).total_seconds()) < 0.5


def main_pid(unit):
    return run("systemctl", "show", "-P", "MainPID", unit).strip()


def process_status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return {key: value.strip() for key, value in (line.split(":", 1) for line in file if ":" in line)}


def install():
    text = run("dpkg", "-i", *debs("packages"), seconds=300)
    expect("did not start" not in text, text)
    for unit in UNITS:
        wait_for(f"{unit} to run", 60, lambda unit=unit: is_active(unit))
        expect(run("systemctl", "is-enabled", unit).strip() == "enabled", f"{unit} is not enabled")
    run("getent", "group", "sockdog")
    for file in ("/etc/sockdog/sockdog.d", "/usr/share/bash-completion/completions/sockdog",
                 "/usr/share/man/man8/sockdogd.8.gz", "/usr/libexec/sockdog/sockdog-monit",
                 "/usr/libexec/sockdog/sockdog-names"):
        expect(os.path.exists(file), f"{file} is not there")
    code, audit = run_all("dpkg", "--verify", "sockdog", "sockdog-relay")
    expect(code == 0 and not audit.strip(), f"dpkg --verify: {audit}")
    return run("sockdog", "status", "--check").strip()


def hardened():
    """That the kernel holds the sandbox, and that nothing in it was refused what it needs."""
    fields = process_status(main_pid("sockdogd.service"))
    bounding = int(fields["CapBnd"], 16)
    wanted = sum(1 << NUMBERS[name] for name in CAPABILITIES)
    expect(bounding == wanted, f"capabilities of sockdogd are {bounding:x}, not {wanted:x}")
    expect(fields["NoNewPrivs"] == "1", "NoNewPrivs is not set")
    expect(fields["Seccomp"] == "2", "no system call filter")
    for unit in UNITS:
        words = run("journalctl", "-q", "-o", "cat", "-p", "warning", "-u", unit).splitlines()
        words = [line for line in words if "names no receivers" not in line]  # true until there are some
        expect(not words, f"{unit} complains: {words}")
    return "no word above info in the journal"


def upgrade():
    with open("/etc/sockdog/sockdog.yaml", "a", encoding="utf-8") as config:
        config.write("# a line of the operator's\n")
    before = status()
    pids = {unit: main_pid(unit) for unit in UNITS}
    text = run("dpkg", "-i", *debs("upgrade"), seconds=300)
    for unit in UNITS:
        wait_for(f"{unit} to run", 60, lambda unit=unit: is_active(unit))
        expect(main_pid(unit) != pids[unit], f"{unit} still runs the old program: {text}")
    version = run("dpkg-query", "-W", "-f", "${Version}", "sockdog")
    expect(version.endswith("-2"), f"version {version} after the upgrade")
    expect("# a line of the operator's" in open("/etc/sockdog/sockdog.yaml", encoding="utf-8").read(),
           "the operator's change to the configuration is lost")
    wait_for("an answer of the new one", 30, lambda: run_all("sockdog", "status")[0] == 0)
    after = status()
    expect(same_books(after, before),
           f"the books began anew at the upgrade: {before['books_since']} {after['books_since']}")
    expect(after["totals"]["opened"] >= before["totals"]["opened"], "counts were lost")
    return f"{version}, books kept since {after['books_since']}"


def programs_left():
    return [line for line in run("bpftool", "prog", "show").splitlines() if OURS.search(line)]


def removed():
    expect(programs_left(), "no program of ours in the kernel while sockdogd runs: this cannot be seen here")
    run("dpkg", "-r", "sockdog-relay", "sockdog", seconds=180)
    for unit in (*UNITS, "sockdog-relay.socket"):
        expect(not is_active(unit), f"{unit} still runs")
    expect(not programs_left(), f"left in the kernel: {programs_left()}")
    expect(not os.path.exists("/sys/fs/bpf/sockdog"), "pins are left in /sys/fs/bpf")
    for kept in ("/etc/sockdog/sockdog.yaml", "/var/lib/sockdog/journal.db"):
        expect(os.path.exists(kept), f"remove took {kept}, which only purge should")
    expect(not os.path.exists("/usr/sbin/sockdogd"), "the program is still there")


def purged():
    for file in glob.glob("/etc/sockdog/sockdog.d/*") + ["/etc/sockdog/monit", "/etc/sockdog/vm.secret"]:
        if os.path.exists(file):
            os.unlink(file)  # the operator's own; purge leaves those
    run("dpkg", "-P", "sockdog-relay", "sockdog", seconds=180)
    left = [path for path in ("/etc/sockdog", "/var/lib/sockdog", "/var/lib/private/sockdog-relay",
                              "/var/lib/sockdog-relay", "/run/sockdog", "/run/sockdog-relay", "/usr/libexec/sockdog") if os.path.lexists(path)]
    left += [link for unit in UNITS for link in glob.glob(f"/etc/systemd/system/*/{unit}")]
    expect(not left, f"purge left {', '.join(left)}")
    code, words = run_all("systemctl", "is-enabled", "sockdogd.service")
    expect(code != 0, f"sockdogd.service is still {words}")
