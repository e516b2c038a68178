"""Leaks: starts a helper without close-on-exec and closes its own connections; the helper holds them: PORT HELPERS."""
import http.client
import os
import subprocess
import sys
import time

port, helpers = int(sys.argv[1]), int(sys.argv[2])
running = []
for _ in range(helpers):
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=5) for _ in range(12)]
    for connection in connections:
        connection.request("GET", "/")
        connection.getresponse().read()
        os.set_inheritable(connection.sock.fileno(), True)
    command = ["setpriv", "--pdeathsig", "KILL", "sleep", "300"]
    running.append(subprocess.Popen(command, close_fds=False))
    for connection in connections:
        connection.close()
    time.sleep(8)
time.sleep(300)
