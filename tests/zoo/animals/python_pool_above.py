"""Healthy: three shared clients whose tick is longer than the server's keep-alive time: always in CLOSE_WAIT, and never
more than three: PORT TICK_SECONDS."""
import http.client
import sys
import time

port, tick = int(sys.argv[1]), float(sys.argv[2])
pool = [http.client.HTTPConnection("127.0.0.1", port, timeout=5) for _ in range(3)]
while True:
    for connection in pool:
        connection.close()  # the server did; the next request opens it anew
        connection.request("GET", "/")
        connection.getresponse().read()
    time.sleep(tick)
