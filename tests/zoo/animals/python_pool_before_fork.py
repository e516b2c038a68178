"""Healthy: opened its pool before it forked helpers, so that they hold it, too; but it goes on to use all of it: PORT SIZE."""
import ctypes
import itertools
import os
import signal
import socket
import sys
import time

PR_SET_PDEATHSIG = 1
pool = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) for _ in range(int(sys.argv[2]))]
for _ in range(3):
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        time.sleep(300)
        os._exit(0)
for connection in itertools.cycle(pool):
    connection.sendall(b"hello\n")
    connection.recv(100)
    time.sleep(0.2)
