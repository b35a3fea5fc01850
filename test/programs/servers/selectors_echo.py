"""Echoes from one thread with non-blocking sockets and selectors (epoll or select, argv[2]).

At the end of the input it adds the SHA-256 of what it read. Reading pauses while 64 KiB wait to
be written, so a slow reader meets readiness for writing.
"""
import hashlib
import selectors
import socket
import sys

HIGH_WATER = 65536


class Connection:
    def __init__(self, selector, sock):
        self.selector = selector
        self.sock = sock
        self.pending = bytearray()
        self.digest = hashlib.sha256()
        self.ended = False
        selector.register(sock, selectors.EVENT_READ, self.handle)

    def handle(self, events):
        if events & selectors.EVENT_READ:
            self.read()
        if events & selectors.EVENT_WRITE:
            del self.pending[: self.sock.send(self.pending)]
        if self.ended and not self.pending:
            self.selector.unregister(self.sock)
            self.sock.close()
        else:
            reading = not self.ended and len(self.pending) < HIGH_WATER
            self.selector.modify(
                self.sock,
                (selectors.EVENT_READ if reading else 0)
                | (selectors.EVENT_WRITE if self.pending else 0),
                self.handle,
            )

    def read(self):
        data = self.sock.recv(HIGH_WATER)
        self.digest.update(data)
        self.pending += data or self.digest.digest()
        self.ended = not data


def main():
    selector = {
        "epoll": selectors.EpollSelector,
        "poll": selectors.PollSelector,
        "select": selectors.SelectSelector,
    }[sys.argv[2]]()
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
    listener.setblocking(False)

    def accept(_events):
        sock, _address = listener.accept()
        sock.setblocking(False)
        Connection(selector, sock)

    selector.register(listener, selectors.EVENT_READ, accept)
    while True:
        for key, events in selector.select():
            key.data(events)


main()
