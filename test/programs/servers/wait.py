"""Serves one client of the listener that it was handed as descriptor argv[1], then ends.

inetd calls such a service "wait"; socket activation works the same.
"""
import socket
import sys

listener = socket.socket(fileno=int(sys.argv[1]))
connection, _ = listener.accept()
with connection, connection.makefile("rw") as stream:
    for line in stream:
        stream.write("served " + line)
