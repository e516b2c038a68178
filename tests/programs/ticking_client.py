#!/usr/bin/env python3
"""Healthy, and looks like a leak: three connections that the server closes between two ticks, so that three sockets are
in CLOSE_WAIT most of the time, for ever: PORT TICK_SECONDS SECONDS."""
import http.client
import sys
import time

port, tick, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
end = time.monotonic() + seconds
clients = []
while time.monotonic() < end:
    for client in clients:
        client.close()
    clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=5) for _ in range(3)]
    for client in clients:
        client.request("GET", "/")
        client.getresponse().read()
    time.sleep(tick)
