"""Healthy: a pool that grew with the load to its full size and stays; most of it is idle, each is used now and then:
PORT SIZE."""
import random
import socket
import sys
import time

port, size = int(sys.argv[1]), int(sys.argv[2])
pool = []
while True:
    if len(pool) < size:
        pool.append(socket.create_connection(("127.0.0.1", port), 5))
    connection = random.choice(pool)
    for query in (b"begin\n", b"select 1\n", b"commit\n"):
        connection.sendall(query)
        connection.recv(100)
    time.sleep(0.25)
