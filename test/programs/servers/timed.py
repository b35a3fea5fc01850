"""Tells each client what year it is, and whether it said anything within 0.3 seconds."""

import datetime
import socket
import sys

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    client, _ = listener.accept()
    client.settimeout(0.3)
    client.sendall(b"%d" % datetime.datetime.now().year)
    try:
        client.sendall(b" " + client.recv(100))
    except TimeoutError:
        client.sendall(b" silence")
    client.close()
