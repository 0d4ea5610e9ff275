"""A web server that stands for the cloud: it answers one thing and remembers what it was asked."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Cloud:
    """What it answers: `body`, or what `answer` makes of the request; and the requests so far."""

    status: int = 200
    body: bytes = b""
    answer: Callable[[bytes], bytes] | None = None
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    url: str = ""


@contextmanager
def web_cloud(tls: ssl.SSLContext | None = None) -> Iterator[Cloud]:
    """Serve on a free loopback port until the test is over."""
    cloud = Cloud()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            cloud.asked.append((self.path, request))
            self.send_response(cloud.status)
            self.end_headers()
            self.wfile.write(cloud.answer(request) if cloud.answer else cloud.body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    cloud.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    yield cloud
    server.shutdown()
    server.server_close()
    thread.join()
