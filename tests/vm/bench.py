#!/usr/bin/env python3
"""bench.py [--list] [--table] [--keep] [--only STEP,...] GUEST...: sockdog on real systems, each in a machine of its own.

A guest is a Debian release with one of its kernels, in qemu without hardware help (a few minutes each). In it the packages are
installed, services leak and are restarted, kernel tests run, and the packages are upgraded and removed again; what is seen
is told step by step, and any step that fails makes the exit code 1. 77: something that is needed is not here.

Releases, kernels and compilers come from Debian's mirror, once, into /var/cache/sockdog-vm (SOCKDOG_VM_CACHE); 4 GB a release.
SOCKDOG_VM_MIRROR names another mirror.

    --list   the guests
    --table  the last whole run of each guest as the tables of docs/kernels.md
    --keep   leave the guest's logs and reports in the cache even when all was well
    --only   only these steps of the story, which may need others before them
"""
import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from machine import Guest
from packages import built_in, take_kernel_tests
from trees import CACHE, Failed, guest_tree

# name: (release, release of the kernel)
GUESTS = {
    "debian12": ("bookworm", "bookworm"),
    "backports": ("bookworm", "bookworm-backports"),
    "trixie": ("trixie", "trixie"),
    "sid-kernel": ("bookworm", "sid"),
}
NEEDED = {"qemu-system-x86_64": "qemu-system-x86", "debootstrap": "debootstrap", "mkfs.ext4": "e2fsprogs"}
SECONDS = 1500
# A tracepoint is switched on and off by writing over running code. qemu 7.2 with a thread for each CPU now and then runs what
# stood there before, a breakpoint, after the kernel has forgotten it.
EMULATOR_FAULT = "Oops: int3"
BOOTS = 3


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def missing():
    tools = [package for tool, package in NEEDED.items() if not shutil.which(tool)]
    if os.geteuid() != 0:
        return "only root can make the guests' disks"
    if tools:
        return f"not installed: {', '.join(tools)} (scripts/install-deps.sh vm)"
    return None


def tell(report):
    if "step" not in report:
        return
    mark = {True: "ok     ", False: "FAILED ", None: "skipped"}[report["ok"]]
    say(f"{mark} {report['step']} ({report['seconds']:.0f} s)" + (f": {report['detail']}" if report["detail"] else ""))


def boot_guest(name, packages, tree, options):
    """Its reports, and the guest that left them."""
    release, kernel_release = GUESTS[name]
    guest = Guest(tree, CACHE / "runs" / name)
    guest.take(packages.first, "packages")
    guest.take(packages.second, "upgrade")
    take_kernel_tests(packages, guest)
    programs = Path(__file__).resolve().parents[1] / "programs"
    guest.take([*programs.glob("*.py"), programs.parents[1] / "scripts/demo/receiver.py"], "programs")
    (guest.inside / "only.json").write_text(json.dumps(options.only))
    say(f"{name}: booting {release} with the kernel of {kernel_release}")
    return guest.boot(SECONDS, tell), guest


def run_guest(name, options):
    release, kernel_release = GUESTS[name]
    packages = built_in(release, say)
    tree = guest_tree(name, release, kernel_release, packages.first, say)
    for boot in range(1, BOOTS + 1):
        reports, guest = boot_guest(name, packages, tree, options)
        if boot == BOOTS or EMULATOR_FAULT not in guest.console():
            break
        say(f"{name}: its kernel fell over the emulator ({EMULATOR_FAULT}): booting again")
    failed = [report["step"] for report in reports if report.get("ok") is False]
    if not any(report.get("end") for report in reports):
        failed.append("the story did not come to its end")
    if failed:
        say(f"{name}: {', '.join(failed)}; console and reports are in {guest.folder}")
        return False
    say(f"{name}: {sum(report.get('ok') is True for report in reports)} steps, all well")
    if not options.keep:
        (guest.folder / "vmlinuz").unlink()
        (guest.folder / "initrd").unlink()
    return True


def last_runs():
    """(name, step -> report) of every guest whose reports are there."""
    for name in GUESTS:
        file = CACHE / "runs" / name / "reports.jsonl"
        if file.exists():
            reports = [json.loads(line) for line in file.read_text(errors="replace").splitlines()]
            yield name, {report["step"]: report for report in reports if "step" in report}


def table(rows, columns, cell):
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += ["| " + " | ".join([name, *(cell(row, column) for column in columns)]) + " |" for name, row in rows]
    return "\n".join(lines)


def print_tables():
    runs = dict(last_runs())
    facts = {name: run["system"]["data"] for name, run in runs.items() if run.get("system", {}).get("data")}
    names = list(facts)
    if not names:
        print("no guest has run yet")
        return 1
    marks = {True: "yes", False: "**no**", None: "skipped"}
    print(table([("release", "release"), ("kernel", "kernel"), ("systemd", "systemd")], names,
                lambda row, name: facts[name][row]) + "\n")
    parts = {part["name"]: part["hook"] for name in names for part in runs[name]["capabilities"]["data"]["capabilities"]}
    available = {name: {part["name"]: part["available"] for part in runs[name]["capabilities"]["data"]["capabilities"]}
                 for name in names}
    print(table([(f"`{part}` ({hook})", part) for part, hook in parts.items()], names,
                lambda row, name: marks[available[name].get(row, False)]) + "\n")
    steps = [step for step in next(iter(runs.values())) if step not in ("system", "capabilities")]
    print(table([(f"`{step}`", step) for step in steps], names,
                lambda row, name: marks[runs[name][row]["ok"]] if row in runs[name] else "not run"))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--table", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help=argparse.SUPPRESS)
    parser.add_argument("guest", nargs="*", help="which; see --list")
    options = parser.parse_args()
    if options.list:
        for name, (release, kernel) in GUESTS.items():
            print(f"{name:<12} {release} with the kernel of {kernel}")
        return 0
    if options.table:
        return print_tables()
    unknown = [name for name in options.guest if name not in GUESTS]
    if unknown or not options.guest:
        parser.error((f"there is no guest '{unknown[0]}'" if unknown else "which guest?") + "; known are " + ", ".join(GUESTS))
    if reason := missing():
        print(f"SKIPPED: {reason}")
        return 77
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run makes or uses the same folders
        return run_guests(options)


def run_guests(options):
    try:
        results = [run_guest(name, options) for name in options.guest]
    except (Failed, subprocess.CalledProcessError) as failure:
        say(f"FAILED: {failure}")
        return 1
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
