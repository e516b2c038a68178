"""Healthy: four clients in turn, each back before the server's keep-alive time is over: PORT RATE."""
import http.client
import itertools
import sys
import time

port, rate = int(sys.argv[1]), float(sys.argv[2])
pool = [http.client.HTTPConnection("127.0.0.1", port, timeout=5) for _ in range(4)]
for connection in itertools.cycle(pool):
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        connection.close()
    time.sleep(1 / rate)
