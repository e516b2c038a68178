"""Leaks: handlers wait for ever for a lock that nobody gives back, while their clients leave: PORT."""
import asyncio
import sys


async def handle(reader, writer):
    await reader.readline()
    async with lock:
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()


async def main():
    global lock
    lock = asyncio.Lock()
    await lock.acquire()  # by a task that died
    async with await asyncio.start_server(handle, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


asyncio.run(main())
