#!/usr/bin/env python3
"""What sockdog costs, measured on this host, as Markdown. Root; loopback only; ends only what it started.

Rounds are interleaved: each attaches every tool in turn and runs the same load under it, and a tool's share is taken
against the bare run of the same round, because neighbours and clocks change over minutes. Figures are medians.
"""
import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEERS = {"libbpf-tools tcplife": ["tcplife", "bpf-tcplife"], "libbpf-tools tcpstates": ["tcpstates", "bpf-tcpstates"]}
STATS = Path("/proc/sys/kernel/bpf_stats_enabled")
HOOKS = {"empty": ("empty_state", "empty_destroy"), "storage": ("storage_state", "storage_destroy"),
         "books": ("transition", "farewell")}


class Failed(Exception):
    pass


def note(text):
    print(text, file=sys.stderr, flush=True)


def cpu_of(usage):
    return usage.ru_utime + usage.ru_stime


class Tool:
    """A process that is attached while the load runs. `ready`: it says so on its output."""

    def __init__(self, command, ready):
        self.command, self.ready = command, ready
        self.cpu, self.words = 0.0, {}

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE if self.ready else subprocess.DEVNULL, text=True)
        if self.ready:
            if self.process.stdout.readline().strip() != "ready":
                raise Failed(f"{self.command[0]} did not become ready")
        else:
            time.sleep(2)  # these do not say when they have attached
            if self.process.poll() is not None:
                raise Failed(f"{self.command[0]} ended at once")
        self.cpu_at_start = self.cpu_now()
        return self

    def cpu_now(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __exit__(self, *_):
        self.cpu = self.cpu_now() - self.cpu_at_start
        if self.ready:
            self.process.stdin.close()
            last = self.process.stdout.read().strip()
            self.words = json.loads(last) if last else {}
        else:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def tools_of(arguments):
    """Name -> how to attach it; None: nothing."""
    attach = str(arguments.bin / "bench_attach")
    tools = {"bare": None, "empty program": ([attach, "empty"], True), "sockdog books": ([attach, "books"], True),
             "books + call sites of another": ([attach, "call_sites", str(os.getpid())], True),
             "books in sk_storage": ([attach, "storage"], True)}
    for name, programs in PEERS.items():
        found = next(filter(None, (shutil.which(p, path=os.environ.get("PATH", "") + ":/usr/sbin") for p in programs)), None)
        if found:
            tools[name] = ([found], False)
        else:
            note(f"{name} is not installed (package libbpf-tools): left out")
    if arguments.only:
        wanted = ["bare", *arguments.only.split(",")]
        unknown = [name for name in wanted if name not in tools]
        if unknown:
            sys.exit(f"--only: unknown tool {', '.join(unknown)}; allowed is {', '.join(tools)}")
        tools = {name: tool for name, tool in tools.items() if name in wanted}
    return tools


def storm(arguments, loops, seconds, rate=0):
    """Connections a second, and CPU microseconds per connection, of `loops` pinned loops."""
    cores = sorted(os.sched_getaffinity(0))[:loops]
    command = [str(arguments.bin / "bench_storm"), "--seconds", str(seconds), "--rate", str(rate), "--core"]
    running = [subprocess.Popen([*command, str(core)], stdout=subprocess.PIPE, text=True) for core in cores]
    results = [json.loads(process.communicate(timeout=seconds + 60)[0]) for process in running]
    connections = sum(r["connections"] for r in results)
    return {"rate": sum(r["connections"] / r["seconds"] for r in results),
            "cpu_us": sum(r["cpu_seconds"] for r in results) / connections * 1e6}


def attached(tool):
    return Tool(*tool) if tool else contextlib.nullcontext()


def measure_storms(arguments, tools):
    loops = [n for n in (1, 2) if n <= len(os.sched_getaffinity(0))]
    seen = {name: {(n, what): [] for n in loops for what in ("rate", "cpu_us", "share", "cpu_share")} for name in tools}
    for name in tools:
        seen[name].update(tool_cpu=[], lost=[])
    for turn in range(arguments.rounds):
        note(f"storm: round {turn + 1} of {arguments.rounds}")
        order = list(tools) if turn % 2 == 0 else ["bare", *reversed(list(tools)[1:])]
        bare = {}
        for name in order:
            with attached(tools[name]) as tool:
                results = {n: storm(arguments, n, arguments.seconds) for n in loops}
            for n, result in results.items():
                bare.setdefault(n, result)
                seen[name][n, "rate"].append(result["rate"])
                seen[name][n, "cpu_us"].append(result["cpu_us"])
                seen[name][n, "share"].append(result["rate"] / bare[n]["rate"])
                seen[name][n, "cpu_share"].append(bare[n]["cpu_us"] / result["cpu_us"])
            if tool:
                seen[name]["tool_cpu"].append(tool.cpu)
                seen[name]["lost"].append(tool.words.get("lost"))
    return loops, seen


def report_storms(loops, seen, arguments):
    median = statistics.median
    heads = [f"{n} loop{'s' * (n > 1)}: connections/s | share of bare | by CPU | CPU us/connection" for n in loops]
    print(f"\n### Storm: connect, accept, close with RST (medians of {arguments.rounds} rounds of {arguments.seconds} s)\n")
    print(f"| attached | {' | '.join(heads)} | tool's own CPU | lost |\n|---|{'---|' * (4 * len(loops) + 2)}")
    for name, row in seen.items():
        cells = [f"{median(row[n, 'rate']):,.0f} | {median(row[n, 'share']):.2f} | {median(row[n, 'cpu_share']):.2f} | "
                 f"{median(row[n, 'cpu_us']):.2f}" for n in loops]
        wall = arguments.seconds * len(loops)
        cpu = f"{100 * median(row['tool_cpu']) / wall:.1f} %" if row["tool_cpu"] else ""
        lost = [x for x in row["lost"] if x is not None]
        print(f"| {name} | {' | '.join(cells)} | {cpu} | {sum(lost) if lost else ''} |")


@contextlib.contextmanager
def bpf_stats():
    before = STATS.read_text()
    STATS.write_text("1")
    try:
        yield
    finally:
        STATS.write_text(before)


def run_times():
    """Program name -> (nanoseconds, runs), newest program of each name."""
    bpftool = shutil.which("bpftool", path=os.environ.get("PATH", "") + ":/usr/sbin")
    programs = json.loads(subprocess.run([bpftool, "-j", "prog", "show"], capture_output=True, check=True).stdout)
    return {p["name"]: (p.get("run_time_ns", 0), p.get("run_cnt", 0)) for p in programs if "name" in p}


def report_run_times(arguments):
    print("\n### One run of a program (bpf_stats, which adds some 20 ns itself)\n")
    print("| program | ns a transition | ns at destroy |\n|---|---|---|")
    attach = str(arguments.bin / "bench_attach")
    times = {what: ([], []) for what in HOOKS}
    with bpf_stats():
        for _ in range(arguments.rounds):
            for what, hooks in HOOKS.items():
                with Tool([attach, what], True):
                    storm(arguments, 1, 1)
                    stats = run_times()
                for values, hook in zip(times[what], hooks):
                    spent, runs = stats[hook]
                    values.append(spent / max(runs, 1))
    for what, (transition, destroy) in times.items():
        print(f"| {what} | {statistics.median(transition):.0f} | {statistics.median(destroy):.0f} |")


def report_paced(arguments, tools):
    rate = 5000
    print(f"\n### Paced: {rate:,} connections a second, CPU of the load (and of the tool)\n")
    print("| attached | CPU of one core |\n|---|---|")
    seen = {name: ([], []) for name in tools}
    for _ in range(arguments.rounds):
        for name, tool in tools.items():
            with attached(tool) as it:
                result = storm(arguments, 1, arguments.seconds, rate)
            seen[name][0].append(result["cpu_us"] * result["rate"] / 1e4)
            seen[name][1].append(100 * it.cpu / arguments.seconds if it else 0)
    for name, (load, own) in seen.items():
        print(f"| {name} | {statistics.median(load):.1f} % (+ {statistics.median(own):.1f} %) |")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def nginx(folder):
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_timeout 0; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "ok"; }} }} }}
""")
    server = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        else:
            raise Failed("nginx did not start")
        yield port
    finally:
        server.terminate()
        server.wait()


def report_nginx(arguments, tools):
    if not shutil.which("nginx") or not shutil.which("wrk"):
        print("\nnginx or wrk is not installed: the part with nginx is left out.")
        return
    seen = {name: [] for name in tools}
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as port:
        for turn in range(arguments.rounds):
            note(f"nginx: round {turn + 1} of {arguments.rounds}")
            names = list(tools)
            first = turn % len(names)  # whoever comes first after a pause has the cooler processor
            for name in names[first:] + names[:first]:
                with attached(tools[name]):
                    out = subprocess.run(["wrk", "-t1", "-c16", f"-d{max(1, round(arguments.seconds))}s", f"http://127.0.0.1:{port}/"],
                                         capture_output=True, text=True, timeout=arguments.seconds + 60).stdout
                found = re.search(r"Requests/sec:\s+([\d.]+)", out)
                if not found:
                    raise Failed(f"wrk said: {out}")
                seen[name].append(float(found.group(1)))
    print("\n### nginx without keep-alive under wrk\n")
    print("| attached | requests/s | share of bare |\n|---|---|---|")
    for name, rates in seen.items():
        shares = [rate / bare for rate, bare in zip(rates, seen["bare"])]
        print(f"| {name} | {statistics.median(rates):,.0f} | {statistics.median(shares):.3f} |")


@contextlib.contextmanager
def daemon(arguments, folder):
    control = folder / "control"
    config = folder / "sockdog.yaml"
    config.write_text(f"control:\n  socket: {control}\nstate_dir: {folder}\nlog_level: error\n"
        f"books: {{pinned: never, pin_directory: {folder}/bpf}}\n")
    process = subprocess.Popen([str(arguments.bin / "sockdogd"), "--config", str(config),
                                "--helper-dir", str(arguments.bin.resolve())], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if control.exists() or process.poll() is not None:
                break
            time.sleep(0.05)
        if not control.exists():
            raise Failed("sockdogd did not open its control socket")
        yield [str(arguments.bin / "sockdog"), "--socket", str(control)]
    finally:
        process.terminate()
        process.wait()


def wall_ms(command, times, limit=120):
    took = []
    for _ in range(times):
        start = time.monotonic()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=limit, check=True)
        took.append((time.monotonic() - start) * 1e3)
    return statistics.median(took)


def report_listing(arguments):
    if not all((arguments.bin / name).exists() for name in ("sockdogd", "sockdog")):
        print("\nsockdogd and sockdog are not built: the part that lists sockets is left out.")
        return
    rows = []
    for count in (1000, 10_000, 20_000):
        note(f"listing {count} sockets")
        with tempfile.TemporaryDirectory() as folder, \
                Tool([str(arguments.bin / "bench_storm"), "--hold", str(count)], True), \
                daemon(arguments, Path(folder)) as ask:
            commands = {"sockdog ps": [*ask, "ps"], "sockdog sockets": [*ask, "sockets"], "ss -tan": ["ss", "-tan"],
                        "ss -tanp": ["ss", "-tanp"]}
            rows.append((count, {name: wall_ms(command, arguments.rounds) for name, command in commands.items()}))
    print("\n### Looking, wall ms\n")
    print("| sockets | " + " | ".join(rows[0][1]) + " |\n|---|" + "---|" * len(rows[0][1]))
    for count, times in rows:
        print(f"| {count:,} | " + " | ".join(f"{t:.0f}" for t in times.values()) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--bin", type=Path, default=Path("build/release/bin"), help="programs of the build (build/release/bin)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="length of one run")
    parser.add_argument("--only", help="comma-separated names of tools, 'bare' is always there")
    parser.add_argument("--parts", default="storm,runs,paced,nginx,listing", help="which parts to run")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("needs root: it loads BPF programs")
    if not 1 <= arguments.rounds <= 50 or not 0.2 <= arguments.seconds <= 60:
        parser.error("1 to 50 rounds of 0.2 to 60 seconds")
    tools = tools_of(arguments)
    print(f"Linux {os.uname().release}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} at start")
    parts = {"storm": lambda: report_storms(*measure_storms(arguments, tools), arguments),
             "runs": lambda: report_run_times(arguments), "paced": lambda: report_paced(arguments, tools),
             "nginx": lambda: report_nginx(arguments, tools), "listing": lambda: report_listing(arguments)}
    failed = False
    for name in arguments.parts.split(","):
        try:
            parts[name]()
        except (Failed, subprocess.SubprocessError, OSError) as error:
            print(f"\nThe part {name!r} failed: {error}")
            failed = True
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
