"""Leaks: forked workers of one service, each of which keeps its connections: PORT WORKERS RATE."""
import ctypes
import http.client
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1


def work(port, rate):
    kept = []
    while True:
        kept.append(http.client.HTTPConnection("127.0.0.1", port, timeout=5))
        kept[-1].request("GET", "/")
        kept[-1].getresponse().read()
        time.sleep(1 / rate)


for _ in range(int(sys.argv[2])):
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        work(int(sys.argv[1]), float(sys.argv[3]))
os.wait()
