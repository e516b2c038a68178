"""Asks a price server: what a small application does that was written in a hurry."""
import http.client

RECENT = []  # for the page of what was looked at last


class Prices:
    def __init__(self, port):
        self.port = port

    def ask(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", path)  # THE LEAK
        return connection.getresponse()

    def total(self, *names):
        total = 0
        for name in names:
            with self.ask(f"/price/{name}") as response:
                total += int(response.read())
        return total

    def exists(self, name):
        response = self.ask(f"/price/{name}")
        RECENT.append((name, response))
        return response.status == 200
