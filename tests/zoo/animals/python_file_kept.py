"""Leaks: closes the socket, but not the file that was made of it, and that keeps it open: PORT RATE."""
import socket
import sys
import time

answers = []
while True:
    connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answers.append(connection.makefile("rb"))
    answers[-1].readline()
    connection.close()
    time.sleep(1 / float(sys.argv[2]))
