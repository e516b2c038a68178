"""The system itself: its kernel, what it lets sockdog do, and the tests that need that kernel."""
import contextlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from steps import HERE, Skip, Wrong, expect, run, run_all

PROGRAMS = "/usr/src/sockdog/build/package/bin"


def system():
    systemd = run("systemctl", "--version").split()[1]
    release = dict(line.split("=", 1) for line in open("/etc/os-release", encoding="utf-8").read().splitlines() if "=" in line)
    facts = {"kernel": platform.release(), "systemd": systemd, "release": release["PRETTY_NAME"].strip('"')}
    expect(os.path.exists("/sys/kernel/btf/vmlinux"), "this kernel has no BTF")
    return f"{facts['release']}, kernel {facts['kernel']}, systemd {facts['systemd']}", facts


def capabilities():
    code, text = run_all("sockdog", "--json", "doctor")
    expect(code == 0, f"sockdog doctor ended with {code}: {text}")
    doctor = json.loads(text)
    lacking = [part["name"] for part in doctor["capabilities"] if not part["available"]]
    return f"all but {', '.join(lacking)}" if lacking else "all", doctor


def exposure():
    """Scores of systemd-analyze; the limits are what they were when the sandbox was last looked at."""
    scores = {}
    for unit in ("sockdogd.service", "sockdog-relay.service", "systemd-oomd.service"):
        code, text = run_all("systemd-analyze", "--no-pager", "security", unit)
        expect(code == 0, text)
        words = text.strip().splitlines()[-1].split()
        scores[unit] = {"score": float(words[words.index(f"{unit}:") + 1]), "table": text}
    limits = {"sockdogd.service": 5.0, "sockdog-relay.service": 2.0}
    for unit, limit in limits.items():
        expect(scores[unit]["score"] <= limit, f"{unit} is more exposed than it was: {scores[unit]['score']}")
    return ", ".join(f"{unit} {score['score']}" for unit, score in scores.items()), scores


def varlink():
    if not shutil.which("varlinkctl"):
        raise Skip("varlinkctl comes with systemd 255")
    socket = "/run/sockdog/control"
    about = run("varlinkctl", "info", socket)
    interface = next((word for word in about.split() if word.endswith(".sockdog") or "sockdog." in word), None)
    expect(interface, f"no interface of sockdog in: {about}")
    methods = run("varlinkctl", "introspect", socket, interface)
    expect("method GetStatus" in methods, methods)
    answer = json.loads(run("varlinkctl", "--json=short", "call", socket, f"{interface}.GetStatus", "{}"))["status"]
    return f"{interface}, {methods.count('method ')} methods; GetStatus answers {len(answer)} fields", about


def kernel_tests():
    """sockdogd is stopped: they count the sockets of the host."""
    ours = [unit for unit in ("sockdogd", "sockdog-relay") if run_all("systemctl", "is-active", "-q", unit)[0] == 0]
    subprocess.run(["systemctl", "stop", *ours], check=False)
    try:
        with held_tracepoints():
            return tested("kernel_test")
    finally:
        if ours:
            run("systemctl", "start", *ours)


@contextlib.contextmanager
def held_tracepoints():
    """Books that open and close under traffic switch tracepoints, by writing over running code, which qemu's threads do not always
    notice (the kernel falls over a breakpoint that it has forgotten). With two users who stay there is nothing to be written."""
    tracing = Path("/sys/kernel/tracing")
    users = [tracing / "instances" / f"sockdog_{number}" for number in (1, 2)]
    for user in users:
        user.mkdir()
        (user / "buffer_size_kb").write_text("64")
        for event in ("sock/inet_sock_set_state", "tcp/tcp_destroy_sock", "sched/sched_process_exit"):
            (user / "events" / event / "enable").write_text("1")
    try:
        yield
    finally:
        for user in users:
            (user / "events/enable").write_text("0")
            user.rmdir()


def tested(program):
    path = f"{PROGRAMS}/{program}"
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        code, output = run_all("env", "SOCKDOG_STORM_CONNECTIONS=2600", path, f"--gtest_output=json:{file.name}", seconds=900)
        report = file.read()
    if not report:  # it did not come to its end
        raise Wrong(f"{program} ended with {code}:\n" + "\n".join(output.splitlines()[-20:]))
    result = json.loads(report)
    skipped = [f"{case['classname']}.{case['name']}" for suite in result["testsuites"] for case in suite["testsuite"]
               if case["result"] == "SKIPPED"]
    failed = [f"{case['classname']}.{case['name']}" for suite in result["testsuites"] for case in suite["testsuite"]
              if case.get("failures")]
    if code != 0 or failed:
        (HERE / "failed.log").write_text(output)
        lines = output.splitlines()
        told = [line for at, line in enumerate(lines) if any("Failure" in near for near in lines[max(0, at - 12):at + 1])]
        raise Wrong(f"{', '.join(failed)}\n" + "\n".join(told))
    return f"{result['tests'] - len(skipped)} passed" + (f", skipped {', '.join(skipped)}" if skipped else ""), result["tests"]
