"""Opens connections from a thread and from a coroutine each time it is told to. The port is the first argument."""
import asyncio
import socket
import sys
import threading

HELD = []


class Pool:
    def fetch(self, port):
        connection = socket.socket()
        connection.connect(("127.0.0.1", port))  # THE THREAD'S LINE
        HELD.append(connection)


async def poll(port):
    await asyncio.sleep(0)
    HELD.append(await asyncio.open_connection("127.0.0.1", port))


def dial(port):
    HELD.append(socket.create_connection(("127.0.0.1", port)))  # THE LIBRARY'S CALLER


async def serve(port):
    await poll(port)
    dial(port)


print("ready", flush=True)
for _ in sys.stdin:
    thread = threading.Thread(target=Pool().fetch, args=(int(sys.argv[1]),))
    thread.start()
    thread.join()
    asyncio.run(serve(int(sys.argv[1])))
    print("done", flush=True)
