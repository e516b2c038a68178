"""caller.py DEPTH: for each number read, opens so many connections from DEPTH calls deep; prints the CPU seconds it took."""
import resource
import socket
import struct
import sys

LISTENER = socket.create_server(("127.0.0.1", 0), backlog=16)
ADDRESS = LISTENER.getsockname()
RESET = struct.pack("ii", 1, 0)


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def connect():
    client = socket.socket()
    client.connect(ADDRESS)
    server, _ = LISTENER.accept()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()
    server.close()


def deep(levels, count):
    if levels > 1:
        return deep(levels - 1, count)
    for _ in range(count):
        connect()


print("ready", flush=True)
for line in sys.stdin:
    start = cpu_seconds()
    deep(int(sys.argv[1]), int(line))
    print(cpu_seconds() - start, flush=True)
