"""Healthy: clients in reference cycles pile up until the collector comes round and closes them: PORT RATE SECONDS."""
import gc
import http.client
import sys
import time

port, rate, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])


class Client:
    def __init__(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        self.on_error = self.give_up  # the cycle

    def give_up(self):
        self.connection.close()

    def ask(self):
        self.connection.request("GET", "/")
        return self.connection.getresponse().read()


gc.disable()  # else it runs whenever enough was allocated: here, by the clock, as it comes in a busier program
collected = time.monotonic()
while True:
    Client().ask()
    if time.monotonic() - collected > seconds:
        gc.collect()
        collected = time.monotonic()
    time.sleep(1 / rate)
