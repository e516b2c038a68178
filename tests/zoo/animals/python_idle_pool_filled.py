"""Healthy: fills its pool up one by one with connections that nobody needs yet, and has enough after a while: PORT SIZE."""
import http.client
import sys
import threading
import time

pool = []
for _ in range(int(sys.argv[2])):
    pool.append(http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=5))
    pool[-1].request("GET", "/")
    pool[-1].getresponse().read()
    time.sleep(0.5)
threading.Event().wait()
