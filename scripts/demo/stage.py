"""Where the demonstration takes place: a temporary folder, programs that end with it, waits that end."""
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path


class Missing(Exception):
    """Something that should have been seen was not."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stage:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sockdog-demo-"))
        self.folder.chmod(0o755)  # the relay, which is nobody, passes through
        self.started = time.monotonic()
        self.programs = {}
        self.after_block = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in reversed(list(self.programs)):
            self.end(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return self.folder / name

    def say(self, text):
        if self.after_block:
            print()
        self.after_block = False
        print(f"[{time.monotonic() - self.started:5.1f} s] {text}", flush=True)

    def show(self, title, lines):
        print("\n    " + title)
        for line in lines:
            print("    " + line if line else "")
        sys.stdout.flush()
        self.after_block = True

    def start(self, name, command, user=None):
        """`user`: with no other rights than that user's. Whatever happens to this script, it ends with it."""
        prefix = ["setpriv", "--pdeathsig", "TERM"]
        if user:
            entry = pwd.getpwnam(user)
            prefix += [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--no-new-privs",
                       "--inh-caps=-all", "--bounding-set=-all"]
        with open(self.path(name + ".log"), "ab") as log:
            self.programs[name] = subprocess.Popen([*prefix, *map(str, command)], stdin=subprocess.DEVNULL, stdout=log,
                                                   stderr=log)
        return self.programs[name]

    def end(self, name):
        program = self.programs.pop(name)
        if program.poll() is None:
            program.send_signal(signal.SIGTERM)
        try:
            program.wait(10)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()

    def wait_for(self, what, seconds, look):
        """What `look` finds, asked until it is something."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = look()
            if found:
                return found
            for name, program in self.programs.items():
                if program.poll() is not None:
                    raise Missing(f"{name} ended with {program.returncode} while waiting for {what}")
            time.sleep(0.1)
        raise Missing(f"{what}: not seen within {seconds} s")

    def show_logs(self, lines=40):
        for log in sorted(self.folder.glob("*.log")):
            text = log.read_text(errors="replace").splitlines()
            if not text:
                continue
            print(f"\n--- {log.name}, the last {min(lines, len(text))} of {len(text)} lines")
            print("\n".join(text[-lines:]))
