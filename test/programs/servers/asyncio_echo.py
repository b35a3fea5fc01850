"""Echoes with asyncio's streams, on uvloop (libuv) if argv[2] says so.

At the end of the input it adds the SHA-256 of what it read.
The digest is written after EOF, so it tells that the input arrived whole and that half of the
connection was still open.
"""
import asyncio
import hashlib
import sys


async def serve(reader, writer):
    digest = hashlib.sha256()
    while data := await reader.read(65536):
        digest.update(data)
        writer.write(data)
        await writer.drain()
    writer.write(digest.digest())
    writer.close()
    await writer.wait_closed()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    async with server:
        await server.serve_forever()


if sys.argv[2:] == ["uvloop"]:
    import uvloop

    uvloop.install()
asyncio.run(main())
