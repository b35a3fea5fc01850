"""A WSGI application. `/` answers with the worker's pid, `/echo` with the request's body, `/slow`
after a while, said on stderr. At `/die` the worker is killed, and at `/hang` it does nothing more."""

import os
import signal
import time


def app(environ, start_response):
    path = environ["PATH_INFO"]
    body = str(os.getpid()).encode()
    if path == "/echo":
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    elif path == "/slow":
        print("being slow", file=environ["wsgi.errors"], flush=True)
        time.sleep(0.5)
    elif path == "/die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif path == "/hang":
        signal.pause()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
