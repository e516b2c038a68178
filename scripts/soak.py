#!/usr/bin/env python3
"""Whether sockdogd itself grows: memory, fds and CPU at rest, then under a paced load of connections over loopback.

Writes a sample every few seconds as CSV and a summary as Markdown. Exit code 1: it grew, lost something, or ended. The load is
bench_storm, of a build with tests. The agent runs with the default configuration but for its folders; ends only what it
started.
"""
import argparse
import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WARM_UP_SECONDS = 60  # histories fill and the allocator settles; what comes after must be flat
NOISE_KIB = 256  # RSS moves by some pages with the sizes of single walks and answers
LONGEST_LOAD = 600  # of one bench_storm
FIELDS = ["seconds", "phase", "rss_kib", "fds", "threads", "cpu_percent", "sockets", "lost", "repaired", "incidents"]
REPAIRED = {"recursion_missed", "state_repaired", "phantom_removed", "drift_corrected"}  # the other losses are losses


class Agent:
    def __init__(self, folder_of_programs, folder):
        self.bin, self.folder = folder_of_programs, folder
        config = folder / "sockdog.yaml"
        config.write_text(f"state_dir: {folder}/state\ncontrol: {{socket: {folder}/control, group: root}}\n"
                          f"books: {{pinned: never, pin_directory: {folder}/bpf}}\n")
        with open(folder / "sockdogd.log", "wb") as log:
            self.process = subprocess.Popen([self.bin / "sockdogd", "--config", config, "--helper-dir", self.bin.resolve()], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        self.proc = Path(f"/proc/{self.process.pid}")
        end = time.monotonic() + 30
        while self.status() is None:
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit("sockdogd did not start:\n" + (folder / "sockdogd.log").read_text())
            time.sleep(0.2)

    def status(self):
        answer = subprocess.run([self.bin / "sockdog", "--socket", self.folder / "control", "--json", "status"],
                                capture_output=True, text=True, timeout=30, check=False)
        if answer.returncode != 0:
            return None
        reply = json.loads(answer.stdout)
        return reply.get("status", reply)

    def cpu_seconds(self):
        """From schedstat, in ns: what it uses in ten seconds is about one tick of /proc/PID/stat."""
        return sum(int(task.read_text().split()[0]) for task in self.proc.glob("task/*/schedstat")) / 1e9

    def memory(self):
        lines = dict(line.split(":", 1) for line in (self.proc / "status").read_text().splitlines())
        return int(lines["VmRSS"].split()[0]), int(lines["Threads"])

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


class Load:
    """bench_storm, begun again when it ends before its time."""

    def __init__(self, program, rate, seconds):
        self.program, self.rate, self.end_at = program, rate, time.monotonic() + seconds
        self.process, self.connections, self.took = None, 0, 0.0
        self.keep_up()

    def keep_up(self):
        if self.process and self.process.poll() is not None:
            self.take_result()
        left = int(self.end_at - time.monotonic())
        if self.process is None and left > 1:
            command = [self.program, "--seconds", str(min(left, LONGEST_LOAD)), "--rate", str(self.rate)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def take_result(self):
        out, _ = self.process.communicate(timeout=30)
        if self.process.returncode != 0:
            raise SystemExit(f"bench_storm ended with {self.process.returncode}")
        result = json.loads(out)
        self.connections += result["connections"]
        self.took += result["seconds"]
        self.process = None

    def stop(self):
        if self.process is None:
            return
        try:
            self.process.wait(30)
            self.take_result()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


START_SECONDS = 15  # its first looks at everything; not rest yet


def sample_for(agent, phase, seconds, every, start, rows, each=lambda: None):
    end = time.monotonic() + seconds
    cpu, at = agent.cpu_seconds(), time.monotonic()
    while time.monotonic() < end:
        time.sleep(max(0.0, min(every, end - time.monotonic())))
        each()
        # CPU before asking: the answer costs a little, too.
        cpu_now, now = agent.cpu_seconds(), time.monotonic()
        status = agent.status()
        if status is None:
            raise SystemExit("sockdogd does not answer any more")
        rss, threads = agent.memory()
        losses = status["losses"]
        repaired = sum(losses[name] for name in REPAIRED)
        rows.append({"seconds": round(now - start), "phase": phase, "rss_kib": rss, "fds": status["open_fds"],
                     "threads": threads, "cpu_percent": round(100 * (cpu_now - cpu) / (now - at), 3),
                     "sockets": status["sockets"], "lost": sum(losses.values()) - repaired, "repaired": repaired,
                     "incidents": status["open_incidents"]})
        cpu, at = cpu_now, now


def thirds(rows, field):
    third = max(1, len(rows) // 3)
    values = [row[field] for row in rows]
    return statistics.median(values[:third]), statistics.median(values[-third:])


def summarise(rows, load, wanted):
    """Markdown lines, and what is wrong."""
    rest = [row for row in rows if row["phase"] == "rest"]
    busy = [row for row in rows if row["phase"] == "load"]
    settled = [row for row in busy if row["seconds"] - busy[0]["seconds"] >= WARM_UP_SECONDS] or busy
    lines, wrong = [], []
    if rest:
        lines.append(f"| at rest | {statistics.mean(r['cpu_percent'] for r in rest):.3f} % of a core | "
                     f"{max(r['rss_kib'] for r in rest) / 1024:.1f} MiB | {max(r['fds'] for r in rest)} |")
    if busy:
        rate = load.connections / load.took if load.took else 0
        lines.append(f"| {rate:,.0f} connections/s | {statistics.mean(r['cpu_percent'] for r in busy):.3f} % of a core | "
                     f"{max(r['rss_kib'] for r in busy) / 1024:.1f} MiB | {max(r['fds'] for r in busy)} |")
        for field, noise, unit in (("rss_kib", NOISE_KIB, " KiB"), ("fds", 0, ""), ("threads", 0, "")):
            first, last = thirds(settled, field)
            lines.append(f"growth of {field}: {last - first:+.0f}{unit} (first third {first:.0f}, last third {last:.0f})")
            if last - first > noise:
                wrong.append(f"{field} grew from {first:.0f} to {last:.0f}")
        if rate < 0.9 * wanted:
            wrong.append(f"the load was {rate:,.0f} connections a second, not {wanted:,}")
    lines.append(f"events lost: {rows[-1]['lost']}; skipped by the kernel and repaired: {rows[-1]['repaired']}")
    if rows[-1]["lost"]:
        wrong.append(f"{rows[-1]['lost']} events were lost, see losses in sockdog status")
    return lines, wrong


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=Path("build/release/bin"), help="folder of the programs")
    parser.add_argument("--minutes", type=float, default=10, help="of load")
    parser.add_argument("--rate", type=int, default=5000, help="connections a second")
    parser.add_argument("--rest", type=int, default=60, help="seconds without load before it")
    parser.add_argument("--every", type=int, default=10, help="seconds between two samples")
    parser.add_argument("--csv", type=Path, default=Path("soak.csv"))
    return parser.parse_args()


def main():
    wish = arguments()
    if os.geteuid() != 0:
        raise SystemExit("needs root: BPF")
    rows, load = [], None
    with tempfile.TemporaryDirectory(prefix="sockdog-soak-") as folder:
        agent = Agent(wish.bin.resolve(), Path(folder))
        start = time.monotonic()
        try:
            sample_for(agent, "start", START_SECONDS, START_SECONDS, start, rows)
            if wish.rest > 0:
                sample_for(agent, "rest", wish.rest, wish.every, start, rows)
            load = Load(wish.bin.resolve() / "bench_storm", wish.rate, wish.minutes * 60)
            sample_for(agent, "load", wish.minutes * 60, wish.every, start, rows, load.keep_up)
        finally:
            if load:
                load.stop()
            code = agent.end()
    with open(wish.csv, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    lines, wrong = summarise(rows, load, wish.rate)
    if code != 0:
        wrong.append(f"sockdogd ended with {code}")
    print("\n".join(lines))
    print("\n".join("WRONG: " + what for what in wrong) or "no growth")
    return 1 if wrong else 0


sys.exit(main())
