#!/usr/bin/env python3
"""Healthy: a connection per request, closed by both ends as soon as it is answered; tries again when it cannot connect:
PORT PER_SECOND SECONDS."""
import http.client
import sys
import time

port, per_second, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
end = time.monotonic() + seconds
while time.monotonic() < end:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        client.request("GET", "/", headers={"Connection": "close"})
        client.getresponse().read()
    except OSError as error:
        print(error, flush=True)
    client.close()
    time.sleep(1 / per_second)
