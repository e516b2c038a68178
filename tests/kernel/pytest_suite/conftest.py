"""Ends the session without a shutdown of the interpreter, which would close what leaked."""
import os
import sys


def pytest_sessionfinish(session, exitstatus):
    session.config.leak_check_status = int(exitstatus)


def pytest_unconfigure(config):
    if "LEAK_CHECK" in os.environ:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(getattr(config, "leak_check_status", 1))
