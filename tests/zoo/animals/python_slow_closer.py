"""Healthy: a client per request that is closed a good while after the server closed its side: PORT RATE SECONDS."""
import collections
import http.client
import sys
import time

port, rate, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
pending = collections.deque()
while True:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/")
    connection.getresponse().read()
    pending.append((time.monotonic() + seconds, connection))
    while pending[0][0] < time.monotonic():
        pending.popleft()[1].close()
    time.sleep(1 / rate)
