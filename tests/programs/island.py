#!/usr/bin/env python3
"""A network namespace of its own with few local ports, and programs in it: FIRST_PORT LAST_PORT -- PROGRAM ARG... -- ...
Each program starts a second after the one before. Prints their pids, one a line; ends them with itself."""
import ctypes
import fcntl
import signal
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWNET, SIOCSIFFLAGS, IFF_UP, PR_SET_PDEATHSIG = 0x40000000, 0x8914, 1, 1
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(CLONE_NEWNET) != 0:
    sys.exit("unshare: errno %d" % ctypes.get_errno())
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as f:
    f.write("%s %s" % (sys.argv[1], sys.argv[2]))

commands = [[]]
for argument in sys.argv[4:]:
    if argument == "--":
        commands.append([])
    else:
        commands[-1].append(argument)
children = []
for command in commands:
    children.append(subprocess.Popen(command, preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)))
    print(children[-1].pid, flush=True)
    time.sleep(1)
for child in children:
    child.wait()
