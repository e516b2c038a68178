#!/usr/bin/env python3
"""From the limit crossed to the webhook received: sockdogd and sockdog-relay with their usual tick of 5 seconds.

A program holds connections that its peer closes one by one; the limit is crossed when the COUNT-th of them has been in
CLOSE_WAIT for DWELL. Root; loopback only; ends only what it started."""
import argparse
import http.server
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

COUNT, DWELL = 8, 2  # sockets, seconds
LEAKER = ("import socket,sys,time\nkept=[]\nfor _ in range(30): "
          "kept.append(socket.create_connection(('127.0.0.1',int(sys.argv[1])))); time.sleep(0.15)\ntime.sleep(20)\n")


def receive(arrivals):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if b'"event":"opened"' in body.replace(b" ", b""):
                arrivals.append(time.monotonic())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def one(programs):
    arrivals, closed, started = [], [], []
    receiver = receive(arrivals)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sockdog.yaml").write_text(
            f"books: {{pinned: never, pin_directory: {folder}/bpf}}\n"
            f"control: {{socket: {folder}/control}}\nstate_dir: {folder}/state\nrelay: {{state_dir: {folder}/relay}}\n"
            f"defaults: {{close_wait: {{count: {COUNT}, dwell: {DWELL}s, wake: {COUNT}}}}}\nlog_level: error\n"
            f"receivers: [{{name: here, url: 'http://127.0.0.1:{receiver.server_port}/'}}]\n")
        try:
            for program in ("sockdogd", "sockdog-relay"):
                started.append(subprocess.Popen([programs / program, "--config", folder / "sockdog.yaml"],
                                                stderr=subprocess.DEVNULL))
                time.sleep(2)
            started.append(subprocess.Popen([sys.executable, "-c", LEAKER, str(listener.getsockname()[1])]))
            for _ in range(30):
                connection, _ = listener.accept()
                connection.close()
                closed.append(time.monotonic())
            crossed = closed[COUNT - 1] + DWELL
            end = crossed + 15
            while not arrivals and time.monotonic() < end:
                time.sleep(0.002)
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()
            receiver.shutdown()
    return arrivals[0] - crossed if arrivals else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--bin", type=Path, default=Path("build/release/bin"), help="programs of the build")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("needs root: it loads BPF programs")
    if not 1 <= arguments.rounds <= 50:
        parser.error("1 to 50 rounds")
    seen = [one(arguments.bin) for _ in range(arguments.rounds)]
    if None in seen:
        print(f"no alert within 15 s of the limit in {seen.count(None)} of {len(seen)} rounds")
        return 1
    print("| rounds | limit crossed to webhook received: lowest | median | highest |\n|---|---|---|---|")
    print(f"| {len(seen)} | {min(seen) * 1e3:.0f} ms | {statistics.median(seen) * 1e3:.0f} ms | {max(seen) * 1e3:.0f} ms |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
