"""Healthy: every ten seconds a burst of connections, which it drains and closes after a while: PORT BURST."""
import http.client
import sys
import time

port, burst = int(sys.argv[1]), int(sys.argv[2])
while True:
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=5) for _ in range(burst)]
    for connection in connections:
        connection.request("GET", "/")
        connection.getresponse().read()
        time.sleep(0.02)
    time.sleep(5)
    for connection in connections:
        connection.close()
    time.sleep(5)
