#!/usr/bin/env python3
"""A receiver of webhooks to try things with: receiver.py PORT SECRET_FILE RECORD_FILE

Listens on 127.0.0.1, verifies Sockdog-Signature, drops what it has seen by Idempotency-Key, and appends each event as a
line of JSON to RECORD_FILE. A wrong signature is answered with 401 and recorded as such: the sender tries again.
"""
import hashlib
import hmac
import http.server
import json
import sys
import time

MOST_BYTES = 1 << 20
TOLERANCE_SECONDS = 300


def is_genuine(secret, header, body, now):
    fields = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    if "v1" not in fields or not fields.get("t", "").isdigit():
        return False
    expected = hmac.new(secret, fields["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return abs(now - int(fields["t"])) <= TOLERANCE_SECONDS and hmac.compare_digest(expected, fields["v1"])


class Handler(http.server.BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self.answer(413)
            return
        body = self.rfile.read(int(length))
        genuine = is_genuine(self.server.secret, self.headers.get("Sockdog-Signature", ""), body, time.time())
        key = self.headers.get("Idempotency-Key", "")
        if genuine and key in self.server.seen:
            self.answer(200)
            return
        try:
            event = json.loads(body)
        except ValueError:
            self.answer(400)
            return
        record = {"received_at": time.time(), "genuine": genuine, "key": key, "event": event}
        self.server.records.write(json.dumps(record) + "\n")
        self.server.records.flush()
        if genuine:
            self.server.seen.add(key)
        self.answer(200 if genuine else 401)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    port, secret_file, record_file = sys.argv[1:]
    with open(secret_file, "rb") as file:
        secret = file.read()
    with open(record_file, "a", encoding="utf-8") as records, \
            http.server.HTTPServer(("127.0.0.1", int(port)), Handler) as server:
        server.secret = secret.removesuffix(b"\n")
        server.seen = set()
        server.records = records
        server.serve_forever()


main()
