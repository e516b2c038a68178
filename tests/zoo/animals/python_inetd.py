"""Healthy: a supervisor that gives each connection to a child of its own, as inetd: PORT."""
import socket
import subprocess
import sys

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
children = []
while True:
    connection, _ = listener.accept()
    children = [child for child in children if child.poll() is None]
    with connection:
        command = ["setpriv", "--pdeathsig", "KILL", "cat"]
        children.append(subprocess.Popen(command, stdin=connection, stdout=connection))
