#!/usr/bin/env python3
"""What it costs a connect() that its call site is noted, as Markdown. Root; loopback only; ends only what it started.

A program opens connections from 25 calls deep: alone, with the books, with the books and its call sites noted, and under
bpftrace, which counts user stacks at the same place by frame pointers, without names of an interpreter. Rounds are interleaved;
each cost is against the program alone in the same round. Figures are medians.
"""
import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench import Failed, Tool, bpf_stats, note, run_times

CALLERS = Path(__file__).resolve().parents[1] / "tests/bench/callers"
BPFTRACE = "tracepoint:syscalls:sys_enter_connect /pid == {pid}/ {{ @[ustack(perf, {depth})] = count(); }}"
WARM_UP = 200


class Caller:
    """A program that opens connections when it is told to."""

    def __init__(self, command, depth):
        self.process = subprocess.Popen([*command, str(depth)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        if self.process.stdout.readline().strip() != "ready":
            raise Failed(f"{self.process.args[0]} did not become ready")
        self.connect(WARM_UP)
        return self

    def connect(self, count):
        """CPU microseconds a connection, those of the kernel and of what is attached included."""
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline()) / count * 1e6

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)


class BpfTrace(Tool):
    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True)
        if not self.process.stdout.readline().startswith("Attaching"):
            raise Failed("bpftrace did not attach")
        time.sleep(2)  # it says so before
        self.cpu_at_start = self.cpu_now()
        return self

    def __exit__(self, *_):
        self.process.send_signal(2)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.communicate(timeout=20)
            return
        self.process.kill()
        self.process.wait()


def callers_of(arguments):
    found = {}
    for name, program, file in (("Python", "python3", "caller.py"), ("Ruby", "ruby", "caller.rb")):
        if path := shutil.which(program):
            found[name] = [path, str(CALLERS / file)]
        else:
            note(f"{program} is not installed: left out")
    found["C++ with frame pointers"] = [str(arguments.bin / "bench_caller_fp")]
    found["C++ without"] = [str(arguments.bin / "bench_caller")]
    return found


def tools_for(arguments, pid):
    attach = str(arguments.bin / "bench_attach")
    tools = {"alone": contextlib.nullcontext, "books": lambda: Tool([attach, "books"], True),
             "call sites": lambda: Tool([attach, "call_sites", str(pid)], True)}
    if bpftrace := shutil.which("bpftrace", path=os.environ.get("PATH", "") + ":/usr/sbin"):
        script = BPFTRACE.format(pid=pid, depth=arguments.depth)
        tools["bpftrace"] = lambda: BpfTrace([bpftrace, "-e", script], True)
    return tools


def measure(arguments, name, command):
    """Tool -> CPU microseconds a connection, of each round; and what else was seen."""
    seen, words = {}, {}
    with Caller(command, arguments.depth) as caller:
        tools = tools_for(arguments, caller.process.pid)
        for turn in range(arguments.rounds):
            note(f"{name}: round {turn + 1} of {arguments.rounds}")
            for tool in tools if turn % 2 == 0 else reversed(tools):
                with tools[tool]() as attached:
                    caller.connect(WARM_UP)
                    seen.setdefault(tool, []).append(caller.connect(arguments.connections))
                if tool == "call sites":
                    words = attached.words
        with bpf_stats(), tools["call sites"]():
            caller.connect(WARM_UP)
            before = run_times()
            caller.connect(arguments.connections)
            spent = run_times()["connected"][0] - before["connected"][0]
    return seen, spent / arguments.connections, words


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--bin", type=Path, default=Path("build/release/bin"), help="programs of the build (build/release/bin)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=20_000, help="in each run")
    parser.add_argument("--depth", type=int, default=25)
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("needs root: it loads BPF programs")
    if not 1 <= arguments.rounds <= 50 or not 100 <= arguments.connections <= 1_000_000 or not 1 <= arguments.depth <= 60:
        parser.error("1 to 50 rounds of 100 to 1,000,000 connections from 1 to 60 calls deep")
    print(f"Linux {os.uname().release}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} at start; "
          f"{arguments.depth} calls deep, medians of {arguments.rounds} rounds of {arguments.connections:,} connections\n")
    print("| program | CPU us a connection, alone | books | books and call sites | of which the program `connected`, ns | bpftrace ustack | "
          "its cost against call sites' | different call sites | captured |\n|---|---|---|---|---|---|---|---|---|")
    for name, command in callers_of(arguments).items():
        seen, program, words = measure(arguments, name, command)
        alone = seen["alone"]
        extra = {tool: statistics.median(value - base for value, base in zip(values, alone)) for tool, values in seen.items()}
        noted = statistics.median(a - b for a, b in zip(seen["call sites"], seen["books"]))
        peer = f"+{extra['bpftrace']:.2f} | {extra['bpftrace'] / noted:.1f} times" if "bpftrace" in extra and noted > 0 else "not installed | "
        print(f"| {name} | {statistics.median(alone):.2f} | +{extra['books']:.2f} | +{extra['call sites']:.2f} | {program:.0f} | {peer} | "
              f"{words.get('call_sites')} | {words.get('captured')} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
