"""`python -m bench.http_client PORT PATH COOKIE EXPECTED`: 32 connections that ask again as soon as they are answered.

A process of its own, so that it shares no interpreter with the server. A line
on standard input is a number of requests; a JSON object a line answers it:
`seconds` for all of them, `waits` of each. Every answer must be 200 and hold what
is expected, or the process ends with 1.
"""

import asyncio
import json
import sys
import time

CONNECTIONS = 32


async def asked(port: int, request: bytes, expected: bytes, turns: int) -> list[float]:
    """Ask so often on one connection; how long each answer took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    waits = []
    for _ in range(turns):
        start = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        waits.append(time.perf_counter() - start)
        if not head.startswith(b"HTTP/1.1 200 ") or expected not in body:
            raise SystemExit(1)
    writer.close()
    await writer.wait_closed()
    return waits


async def together(port: int, request: bytes, expected: bytes, times: int) -> dict[str, object]:
    """Ask on all connections at once."""
    start = time.perf_counter()
    each = [asked(port, request, expected, times // CONNECTIONS) for _ in range(CONNECTIONS)]
    waits = [wait for one in await asyncio.gather(*each) for wait in one]
    return {"seconds": time.perf_counter() - start, "waits": waits}


def main(port: str, path: str, cookie: str, expected: str) -> None:
    """Answer each line of standard input."""
    request = f"GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\ncookie: {cookie}\r\n\r\n".encode()
    for line in sys.stdin:
        said = asyncio.run(together(int(port), request, expected.encode(), int(line)))
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
