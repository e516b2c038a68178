"""Healthy: an overloaded server that comes to accept only every few seconds, when some clients have given up already;
but then its queue becomes empty: PORT SECONDS."""
import socket
import sys
import time

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256)
listener.setblocking(False)
while True:
    time.sleep(float(sys.argv[2]))
    try:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"late, but here\n")
    except OSError:
        pass
