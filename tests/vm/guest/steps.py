"""What the story is told with: steps that report over the second serial port, commands, and waiting."""
import json
import subprocess
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPORTS = "/dev/ttyS1"
STEPS = []


class Wrong(Exception):
    """What was seen is not what should be."""


class Skip(Exception):
    """Cannot be seen on this system, and why."""


def step(function):
    """Marks a step; they run in the order in which they stand."""
    STEPS.append(function)
    return function


def report(**fields):
    with open(REPORTS, "w", encoding="utf-8") as port:
        port.write(json.dumps(fields) + "\n")


def run(*command, check=True, seconds=120, **options):
    """Its standard output; with `check` a failure is Wrong, with all that it wrote."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, timeout=seconds, check=False, **options)
    if check and done.returncode != 0:
        raise Wrong(f"{' '.join(str(word) for word in command[:3])} ended with {done.returncode}: "
                    f"{(done.stdout + done.stderr).strip()[-1500:]}")
    return done.stdout


def run_all(*command, seconds=120):
    """Exit code and all output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, timeout=seconds, check=False)
    return done.returncode, done.stdout + done.stderr


def expect(is_so, text):
    if not is_so:
        raise Wrong(text)


def wait_for(what, seconds, look):
    """The first truth that `look` returns."""
    end = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > end:
            raise Wrong(f"waited {seconds} s in vain for {what}")
        time.sleep(0.5)


def journal_since(began):
    """What the agent said since a time of the monotonic clock; for the report of a failure."""
    seconds = int(time.monotonic() - began) + 1
    return run_all("journalctl", "-q", "--no-pager", "-o", "short-precise", "-u", "sockdogd.service", "--since",
                   f"-{seconds}s", "-n", "40")[1].rstrip()


def play(only):
    """Runs the steps; one that fails does not end the story."""
    for function in STEPS:
        name = function.__name__
        if only and name not in only:
            continue
        began = time.monotonic()
        outcome, detail, data = True, "", None
        try:
            told = function()
            if isinstance(told, tuple):
                detail, data = told
            else:
                detail = told or ""
        except Skip as reason:
            outcome, detail = None, str(reason)
        except (Wrong, subprocess.TimeoutExpired) as wrong:
            outcome, detail = False, f"{wrong}\n{journal_since(began)}"
        except Exception:  # the story goes on, whatever it was
            outcome, detail = False, traceback.format_exc()
        report(step=name, ok=outcome, seconds=time.monotonic() - began, detail=detail, data=data)
    report(end=True)
