"""A WSGI application: `/` answers with the worker's pid, `/echo` with the request's body, and
`/hang` not at all."""

import os
import time


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/hang":
        time.sleep(3600)
    body = str(os.getpid()).encode()
    if path == "/echo":
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
