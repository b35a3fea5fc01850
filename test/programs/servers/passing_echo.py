"""Echoes in a process that was started before the port was opened.

argv[2] is how a connection gets there: `message` is SCM_RIGHTS by hand, `pickle` is what
multiprocessing makes of a socket that is sent through a pipe. At the end of the input it adds the
SHA-256 of what it read.
"""
import hashlib
import multiprocessing
import socket
import subprocess
import sys
import threading


def serve(connection):
    digest = hashlib.sha256()
    with connection:
        try:
            while data := connection.recv(65536):
                digest.update(data)
                connection.sendall(data)
            connection.sendall(digest.digest())
        except ConnectionError:
            pass


def serve_apart(connection):
    threading.Thread(target=serve, args=(connection,), daemon=True).start()


def take_messages(descriptor):
    channel = socket.socket(fileno=descriptor)
    while True:
        _, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        if not descriptors:
            return
        serve_apart(socket.socket(fileno=descriptors[0]))


def take_pickles(pipe):
    try:
        while True:
            serve_apart(pipe.recv())
    except EOFError:
        pass


def message_worker():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = [sys.executable, __file__, "worker", str(theirs.fileno())]
    subprocess.Popen(words, pass_fds=[theirs.fileno()])
    theirs.close()

    def give(connection):
        socket.send_fds(ours, [b"x"], [connection.fileno()])

    return give


def pickle_worker():
    start = multiprocessing.get_context("spawn")
    theirs, ours = start.Pipe(duplex=False)
    start.Process(target=take_pickles, args=(theirs,)).start()
    theirs.close()
    return ours.send


def main(port, how):
    give = {"message": message_worker, "pickle": pickle_worker}[how]()
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    while True:
        connection, _ = listener.accept()
        with connection:
            give(connection)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        take_messages(int(sys.argv[2]))
    else:
        main(int(sys.argv[1]), sys.argv[2])
