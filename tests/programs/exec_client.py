#!/usr/bin/env python3
"""Holds one connection, and after SECONDS runs leaky_client.py in its own place: SECONDS PORT PER_SECOND SECONDS."""
import os
import socket
import sys
import time

connection = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
time.sleep(float(sys.argv[1]))
leaky = os.path.join(os.path.dirname(os.path.abspath(__file__)), "leaky_client.py")
os.execv(sys.executable, [sys.executable, leaky, *sys.argv[2:]])
