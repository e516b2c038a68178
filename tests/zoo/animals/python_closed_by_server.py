"""Healthy: a connection per request that the server closes after its answer, as of HTTP/1.0, and then the client: PORT RATE."""
import socket
import sys
import time

while True:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while connection.recv(4096):
            pass
    time.sleep(1 / float(sys.argv[2]))
