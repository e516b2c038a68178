"""Leaks: a server that takes a reset for an error to be looked at later, and keeps the socket with it: PORT."""
import selectors
import socket
import sys

selector = selectors.DefaultSelector()
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
selector.register(listener, selectors.EVENT_READ)
errors = []
while True:
    for key, _ in selector.select():
        if key.fileobj is listener:
            selector.register(listener.accept()[0], selectors.EVENT_READ)
            continue
        try:
            if request := key.fileobj.recv(4096):
                key.fileobj.sendall(request)
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()
        except OSError as error:
            selector.unregister(key.fileobj)
            errors.append((error, key.fileobj))
