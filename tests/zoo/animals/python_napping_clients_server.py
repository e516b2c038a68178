"""Healthy: a server whose clients came one after the other, all stay, and none has anything to say: PORT."""
import asyncio
import sys


async def handle(reader, writer):
    while request := await reader.read(4096):
        writer.write(request)
    writer.close()


async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


asyncio.run(main())
