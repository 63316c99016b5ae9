# SPDX-License-Identifier: MIT
"""HTTP by hand on asyncio's streams, as small servers do it: GET / and GET /bytes/N."""
import asyncio
import re


def body_of(head):
    wanted = re.match(rb"GET /bytes/(\d{1,8}) ", head)
    size = int(wanted.group(1)) if wanted else 0
    return (b"0123456789abcdef" * (size // 16 + 1))[:size] if wanted else b"hello\n"


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = body_of(head)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
            if b"\r\nconnection: close\r\n" in head.lower():
                break
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 8080)
    await server.serve_forever()


asyncio.run(main())
