#!/usr/bin/env python3
"""Clients of the animals that are servers, all of them healthy: HOW PORT NUMBER.

pass    come NUMBER a second, say something, listen for half a second at most, and close
stay    NUMBER of them from addresses of their own come within a few seconds, stay, and say something now and then
nap     as stay, but after the first word they have nothing more to say; a process each
reset   come NUMBER a second, say something and reset the connection
vanish  come NUMBER a second from addresses of their own, and are gone without a word, as a phone that lost its network
"""
import ctypes
import itertools
import os
import signal
import socket
import struct
import sys
import time

PR_SET_PDEATHSIG = 1
TCP_REPAIR = 19
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
how, port, number = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])


def come(address="127.0.0.1"):
    visitor = socket.create_connection(("127.0.0.1", port), 1, (address, 0))
    try:
        visitor.settimeout(0.5)
        visitor.sendall(REQUEST)
        visitor.recv(4096)
    except OSError:
        pass
    return visitor


def address(turn):
    return f"127.1.{turn // 250 % 250}.{turn % 250 + 1}"


def nap():
    """One process with all these idle connections would look as if it leaked."""
    for turn in range(int(number)):
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            visitor = come(address(turn))
            visitor.settimeout(None)
            sys.exit(len(visitor.recv(4096)))
        time.sleep(0.5)
    while True:
        os.wait()


def stay():
    """Each speaks every two to three seconds; whom the server sent away comes again."""
    staying = []
    for turn in itertools.count():
        if len(staying) < number:
            staying.append(come(address(turn)))
        visitor = staying[turn % len(staying)]
        try:
            visitor.sendall(REQUEST)
            gone = not visitor.recv(4096)
        except OSError:
            gone = True
        if gone:
            visitor.close()
            staying.remove(visitor)
        time.sleep(2.5 / number)


def pass_by():
    for turn in itertools.count():
        try:
            visitor = come(address(turn) if how == "vanish" else "127.0.0.1")
            if how == "reset":
                visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if how == "vanish":
                time.sleep(0.1)  # acknowledgements may be delayed
                visitor.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
            visitor.close()
        except OSError:
            pass
        time.sleep(1 / number)


{"stay": stay, "nap": nap}.get(how, pass_by)()
