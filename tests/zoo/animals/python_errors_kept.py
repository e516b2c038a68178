"""Leaks: every eighth answer raises an error before the connection is closed; the errors are kept for a report, with their
tracebacks, with their frames, with the connection: PORT RATE."""
import http.client
import itertools
import sys
import time


def ask(port, number):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/")
    answer = connection.getresponse().read()
    if number % 8 == 0:
        raise ValueError(answer)
    connection.close()


errors = []
for number in itertools.count():
    try:
        ask(int(sys.argv[1]), number)
    except ValueError as error:
        errors.append(error)
    time.sleep(1 / float(sys.argv[2]))
