"""A process that holds many event streams open and says when the last of them has got something.

`python -m bench.streams PORT TARGET COOKIE COUNT`: prints `open` once all of them
are; then, for each marker it is given on a line, the moment the last stream had
it, on the clock all processes of a machine share.
"""

import resource
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ROOM_FOR_FILES = 4096


class Streams:
    """The open streams, read one event at a time without threads."""

    def __init__(self, port: int, target: str, cookie: str, count: int) -> None:
        self._selector = selectors.DefaultSelector()
        asked = f"GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {cookie}\r\n\r\n".encode()
        for _ in range(count):
            stream = socket.create_connection(("127.0.0.1", port))
            stream.sendall(asked)
            self._selector.register(stream, selectors.EVENT_READ)
        self._count = count

    def wait_for(self, marker: bytes) -> float:
        """The moment every stream has had these bytes; what came before them is forgotten."""
        waiting: dict[object, bytes] = {key.fileobj: b"" for key in self._selector.get_map().values()}
        while waiting:
            for key, _ in self._selector.select():
                got = key.fileobj.recv(65536)  # type: ignore[union-attr]  # they are sockets
                if not got:
                    raise ConnectionError("a stream was closed")
                if key.fileobj in waiting:
                    waiting[key.fileobj] += got
                    if marker in waiting[key.fileobj]:
                        del waiting[key.fileobj]
        return time.perf_counter()


@dataclass
class Readers:
    """The process from outside."""

    process: subprocess.Popen[str]

    def expect(self, marker: str) -> None:
        """Say what to wait for."""
        assert self.process.stdin is not None
        print(marker, file=self.process.stdin, flush=True)

    def heard_at(self) -> float:
        """The moment the last stream had it, on `time.perf_counter`."""
        assert self.process.stdout is not None
        return float(self.process.stdout.readline())


@contextmanager
def readers(port: int, target: str, cookie: str, count: int) -> Iterator[Readers]:
    """That many streams, open."""
    command = [sys.executable, "-m", "bench.streams", str(port), target, cookie, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            opened = process.stdout.readline()
            assert opened == "open\n", "the streams did not open"
            yield Readers(process)
        finally:
            process.stdin.close()


def main(port: str, target: str, cookie: str, count: str) -> None:
    """Hold the streams open until stdin ends."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (ROOM_FOR_FILES, ROOM_FOR_FILES))
    streams = Streams(int(port), target, cookie, int(count))
    streams.wait_for(b"event: ")
    print("open", flush=True)
    for marker in sys.stdin:
        print(streams.wait_for(marker.strip().encode()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
