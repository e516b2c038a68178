"""Healthy: opens its connections, becomes a daemon by two forks, and goes on to use them there: PORT COUNT."""
import ctypes
import os
import signal
import socket
import sys
import time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
prctl = ctypes.CDLL(None).prctl


def daemon(connections):
    while True:
        for connection in connections:
            connection.sendall(b"hello\n")
            connection.recv(100)
            time.sleep(0.2)


prctl(PR_SET_CHILD_SUBREAPER, 1)  # the daemon becomes a child of this process, and ends with it
if os.fork() == 0:
    opened = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) for _ in range(int(sys.argv[2]))]
    opener = os.getpid()
    if os.fork() != 0:
        os._exit(0)
    while os.getppid() == opener:
        time.sleep(0.05)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    daemon(opened)
while True:
    os.wait()
