"""Healthy: a client per request and no word of closing it, but the reference count does: PORT RATE."""
import http.client
import sys
import time


def ask(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/")
    return connection.getresponse().read()


while True:
    ask(int(sys.argv[1]))
    time.sleep(1 / float(sys.argv[2]))
