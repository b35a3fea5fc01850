"""A server that starts a long-running helper for its one client, says goodbye and closes."""

import socket
import subprocess
import sys

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
client, _ = listener.accept()
helper = subprocess.Popen(["sh", "-c", "echo started; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
helper.stdout.readline()
client.sendall(b"goodbye")
client.close()
# The helper goes when this process does, which is when the test says so.
sys.stdin.read()
