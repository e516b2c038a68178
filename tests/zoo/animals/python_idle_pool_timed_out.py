"""Healthy: a pool that is left alone after a busy moment; the server closes all of it, and the next lease would notice:
PORT SIZE."""
import http.client
import sys
import threading

pool = [http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=5) for _ in range(int(sys.argv[2]))]
for connection in pool:
    connection.request("GET", "/")
    connection.getresponse().read()
threading.Event().wait()
