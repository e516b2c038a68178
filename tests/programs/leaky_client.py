#!/usr/bin/env python3
"""A connection per request, kept for ever: PORT PER_SECOND SECONDS. With LEAKY_KEEP=0 in its environment each is closed."""
import http.client
import os
import sys
import time

port, per_second, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
kept = []
end = time.monotonic() + seconds
while time.monotonic() < end:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        client.request("GET", "/")
        client.getresponse().read()
    except OSError:
        client.close()
    if os.environ.get("LEAKY_KEEP", "1") == "1":
        kept.append(client)
    else:
        client.close()
    time.sleep(1 / per_second)
time.sleep(max(0, end - time.monotonic()))
