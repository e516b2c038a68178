"""Healthy: closes its half after the request and reads the long, slow answer to its end: PORT RATE."""
import selectors
import socket
import sys
import time

port, rate = int(sys.argv[1]), float(sys.argv[2])
streams = selectors.DefaultSelector()
while True:
    stream = socket.create_connection(("127.0.0.1", port), 5)
    stream.sendall(b"all of it, please\n")
    stream.shutdown(socket.SHUT_WR)
    streams.register(stream, selectors.EVENT_READ)
    turn = time.monotonic() + 1 / rate
    while (left := turn - time.monotonic()) > 0:
        for key, _ in streams.select(left):
            if not key.fileobj.recv(4096):
                streams.unregister(key.fileobj)
                key.fileobj.close()
