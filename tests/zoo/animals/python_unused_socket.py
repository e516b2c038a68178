"""Leaks: makes a socket per turn, then finds that it is not needed and forgets to close it: RATE."""
import socket
import sys
import time

kept = []
while True:
    kept.append(socket.socket())
    time.sleep(1 / float(sys.argv[1]))
