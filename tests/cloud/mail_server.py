"""A mail server on a real socket, for tests: it takes what comes, or refuses it."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, TCPServer


@dataclass
class Received:
    """What came in, and what is answered to it."""

    port: int = 0
    status: int = 204
    refuse: bool = False
    nobody: bytes = b"550 nobody of that name\r\n"
    """What is answered to a reader who is refused."""
    leave: bytes = b"221 bye\r\n"
    """What is answered to QUIT; nothing means that the line is cut."""
    mails: list[bytes] = field(default_factory=list)
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


def smtp(received: Received) -> type[StreamRequestHandler]:
    """As much of RFC 5321 as a client needs that sends one mail."""

    class Smtp(StreamRequestHandler):
        """One connection."""

        def handle(self) -> None:
            self.wfile.write(b"220 mail.example.org\r\n")
            for line in iter(self.rfile.readline, b""):
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    received.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                if word == b"QUIT":
                    self.wfile.write(received.leave)
                    return
                refused = received.refuse and word == b"RCPT"
                self.wfile.write(received.nobody if refused else b"250 well\r\n")

    return Smtp


@contextmanager
def listening(server: TCPServer, received: Received) -> Iterator[Received]:
    received.port = server.server_address[1]
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    try:
        yield received
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def mail_server() -> AbstractContextManager[Received]:
    received = Received()
    return listening(TCPServer(("127.0.0.1", 0), smtp(received)), received)
