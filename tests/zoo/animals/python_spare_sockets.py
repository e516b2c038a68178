"""Healthy: keeps a stock of sockets that are not connected yet, takes from it and fills it up again: PORT STOCK."""
import collections
import socket
import sys
import time

port, stock = int(sys.argv[1]), int(sys.argv[2])
spare = collections.deque()
while True:
    while len(spare) < stock:
        spare.append(socket.socket())
    with spare.popleft() as connection:
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"hello\n")
        connection.recv(100)
    time.sleep(0.5)
