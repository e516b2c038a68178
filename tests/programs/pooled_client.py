#!/usr/bin/env python3
"""The same requests over four connections that are used in turn and opened anew when the server closed them:
PORT PER_SECOND SECONDS."""
import http.client
import sys
import time

port, per_second, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
pool = [http.client.HTTPConnection("127.0.0.1", port, timeout=5) for _ in range(4)]
end = time.monotonic() + seconds
turn = 0
while time.monotonic() < end:
    client = pool[turn % len(pool)]
    turn += 1
    try:
        client.request("GET", "/")
        client.getresponse().read()
    except (OSError, http.client.HTTPException):
        client.close()
    time.sleep(1 / per_second)
