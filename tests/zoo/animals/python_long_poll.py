"""Healthy: long polls, all of them waiting nearly all the time, asking again on the same connections: PORT POLLS."""
import http.client
import sys
import threading
import time


def poll(port, after):
    time.sleep(after)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while True:
        connection.request("GET", "/")
        connection.getresponse().read()


for number in range(int(sys.argv[2])):
    threading.Thread(target=poll, args=(int(sys.argv[1]), number * 0.3), daemon=True).start()
threading.Event().wait()
