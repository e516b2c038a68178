"""Leaks: a connection per request, answered and read, then kept in a list for ever: PORT RATE."""
import http.client
import sys
import time

port, rate = int(sys.argv[1]), float(sys.argv[2])
kept = []
while True:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/")
    connection.getresponse().read()
    kept.append(connection)
    time.sleep(1 / rate)
