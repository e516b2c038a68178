import http.server
import select
import threading

import pytest
import shop


class Handler(http.server.BaseHTTPRequestHandler):
    """HTTP/1.0: closes after each answer."""

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        known = {"tea": b"3", "milk": b"2"}
        self.send_response(200 if name in known else 404)
        self.end_headers()
        self.wfile.write(known.get(name, b""))

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False  # its end waits for each to close its connection


@pytest.fixture(scope="session")
def prices():
    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield shop.Prices(server.server_address[1])
        server.shutdown()
    # Closed there is not yet seen here: the network takes a moment even to the same host.
    for _, response in shop.RECENT:
        end = select.poll()
        end.register(response.fileno(), select.POLLRDHUP)
        assert end.poll(5000), "the server has not closed its connection"


def test_total_of_nothing(prices):
    assert prices.total() == 0


def test_total(prices):
    assert prices.total("tea", "milk", "tea") == 8


@pytest.mark.parametrize("name,known", [("tea", True), ("milk", True), ("gold", False)])
def test_exists(prices, name, known):
    assert prices.exists(name) == known
