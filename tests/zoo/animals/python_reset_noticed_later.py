"""Healthy: the server resets idle connections, which this pool notices when it leases them the next time: PORT SIZE."""
import http.client
import itertools
import sys
import time

port, size = int(sys.argv[1]), int(sys.argv[2])
pool = [http.client.HTTPConnection("127.0.0.1", port, timeout=5) for _ in range(size)]
for connection in itertools.cycle(pool):
    try:
        connection.request("GET", "/")
    except OSError:
        connection.close()
        connection.request("GET", "/")
    connection.getresponse().read()
    time.sleep(3 / size)
