#!/usr/bin/env python3
"""The servers that the animals talk to, all of them healthy: FOLDER BEHAVIOUR:PORT... on 127.0.0.1.

short      HTTP, closes a connection that was idle for 3 s         tls        the same over TLS
long       HTTP, keeps idle connections for two hours              tls_long   the same over TLS
big        HTTP, answers with 3 MB, keeps connections              poll       HTTP, answers after 4 s
once       HTTP, closes after each answer                          echo       sends back each line, closes after its client
reset      HTTP, resets a connection that was idle for 1 s         eof        reads to the end, answers 2 s later, closes
mute       HTTP, takes requests and never answers                  stream     reads to the end, answers for 12 s, closes
vanish     is gone after the end was read, without a word
"""
import asyncio
import resource
import socket
import ssl
import struct
import subprocess
import sys

TCP_REPAIR = 19
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
MEGABYTE = bytes(1 << 20)


def http(idle=7200, delay=0, megabytes=0, reset=False, once=False):
    """Serves requests without a body until the client closes or is idle for too long."""

    async def serve(reader, writer):
        while True:
            try:
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), idle)
            except asyncio.TimeoutError:
                break
            await asyncio.sleep(delay)
            writer.write(ANSWER % ((megabytes << 20) or 6) + (b"" if megabytes else b"hello\n"))
            for _ in range(megabytes):
                writer.write(MEGABYTE)
                await writer.drain()
            await writer.drain()
            if once:
                break
        if reset:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return serve


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()


async def eof(reader, writer):
    await reader.read()
    await asyncio.sleep(2)
    writer.write(b"done\n")


async def stream(reader, writer):
    await reader.read()
    for _ in range(24):
        writer.write(b"more\n")
        await writer.drain()
        await asyncio.sleep(0.5)


async def vanish(reader, writer):
    """As a host that lost its power: the kernel forgets the connection and tells nobody."""
    await reader.read()
    await asyncio.sleep(0.5)  # the acknowledgement of the end may be delayed; without it the kernel would reset
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)


BEHAVIOURS = {
    "short": http(idle=3),
    "tls": http(idle=3),
    "long": http(),
    "tls_long": http(),
    "big": http(megabytes=3),
    "poll": http(delay=4),
    "mute": http(delay=7200),
    "once": http(once=True),
    "reset": http(idle=1, reset=True),
    "echo": echo,
    "eof": eof,
    "stream": stream,
    "vanish": vanish,
}


def closing(serve):
    async def session(reader, writer):
        try:
            await serve(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    return session


def certificate(folder):
    """Self-made, for 127.0.0.1."""
    key, cert = folder + "/key.pem", folder + "/cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


async def main(folder, places):
    tls = certificate(folder) if any(place.startswith("tls") for place in places) else None
    for place in places:
        behaviour, port = place.split(":")
        options = {"backlog": 512}
        if behaviour.startswith("tls"):
            # As nginx does: says that it closes, and does not wait for the client to say the same.
            options.update(ssl=tls, ssl_shutdown_timeout=0.1)
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if behaviour == "big":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        listener.bind(("127.0.0.1", int(port)))
        await asyncio.start_server(closing(BEHAVIOURS[behaviour]), sock=listener, **options)
    print("open", flush=True)
    await asyncio.Event().wait()


# It holds what all the animals together leak.
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))
asyncio.run(main(sys.argv[1], sys.argv[2:]))
