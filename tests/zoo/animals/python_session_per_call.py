"""Leaks: a session with a pool of its own per call; the history of answers, bodies unread, keeps them all: PORT RATE."""
import http.client
import sys
import time


class Session:
    def __init__(self):
        self.pool = {}

    def get(self, host, port, path):
        connection = self.pool.setdefault((host, port), http.client.HTTPConnection(host, port, timeout=5))
        connection.request("GET", path)
        response = connection.getresponse()
        response.session = self
        return response


port, rate = int(sys.argv[1]), float(sys.argv[2])
history = []
while True:
    history.append(Session().get("127.0.0.1", port, "/"))
    time.sleep(1 / rate)
