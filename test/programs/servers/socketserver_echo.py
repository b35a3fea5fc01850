"""Echoes with socketserver, a thread or a process per connection (argv[2]).

At the end of the input it adds the SHA-256 of what it read. A `StreamRequestHandler` works on
file objects: a buffered reader and an unbuffered writer.
"""
import hashlib
import socketserver
import sys


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        digest = hashlib.sha256()
        while data := self.rfile.read1(65536):
            digest.update(data)
            self.wfile.write(data)
        self.wfile.write(digest.digest())


BASES = {
    "thread": socketserver.ThreadingTCPServer,
    "process": socketserver.ForkingTCPServer,
}


class Server(BASES[sys.argv[2]]):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
