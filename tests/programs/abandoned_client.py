#!/usr/bin/env python3
"""Connections that are opened and never looked at again: PORT PER_SECOND SECONDS TAG. The tag only names it."""
import socket
import sys
import time

port, per_second, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
kept = []
end = time.monotonic() + seconds
while time.monotonic() < end:
    kept.append(socket.create_connection(("127.0.0.1", port), timeout=5))
    time.sleep(1 / per_second)
