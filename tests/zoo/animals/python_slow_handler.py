"""Healthy: works on for a while for clients that have left meanwhile, and closes when it sees it: PORT SECONDS."""
import asyncio
import sys


async def handle(reader, writer):
    await reader.readline()
    await asyncio.sleep(float(sys.argv[2]))
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    writer.close()


async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


asyncio.run(main())
