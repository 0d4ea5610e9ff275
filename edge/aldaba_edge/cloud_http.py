"""What is asked of the cloud over HTTPS: an answer at pairing, whole rule sets, a new certificate.

Requests are signed, so nothing rests on TLS saying who we are; but a proxy in
front of the cloud may ask for the controller's certificate before it lets
anybody near those requests, and then it is shown.
"""

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aldaba_edge.rules_file import MOST_BYTES
from aldaba_edge.runner import Runner
from aldaba_shared.errors import AldabaError

TIMEOUT_SECONDS: Final = 30
CHUNK: Final = 256 * 1024
MOST_ANSWER: Final = 64 * 1024


class CloudUnreachable(AldabaError):
    """The cloud did not answer, or answered that it will not."""

    code = "cloud_unreachable"

    def __init__(self, url: str, why: str, status: int = 0) -> None:
        super().__init__(f"{url} did not answer as it should: {why}. Check address and network, then try again.")
        self.status = status
        self.why = why


def post(
    url: str,
    body: bytes,
    content_type: str,
    into: Callable[[bytes], object],
    most: int,
    *,
    certificate: Path | None = None,
) -> None:
    """POST a body and give what comes back to `into`, piece by piece; TLS is verified by the system's authorities.

    `certificate` is a file with our key and certificate, for a server that asks.

    Raises:
        CloudUnreachable: whatever went wrong.
    """
    if not url.startswith(("https://", "http://")):
        raise CloudUnreachable(url, "it is no web address")
    request = urllib.request.Request(url, data=body, headers={"Content-Type": content_type})  # noqa: S310 - checked above
    try:
        context = _showing(certificate) if url.startswith("https:") else None
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=context) as answer:  # noqa: S310 - checked above
            size = 0
            while piece := answer.read(CHUNK):
                size += len(piece)
                if size > most:
                    raise CloudUnreachable(url, f"it sent more than {most} bytes")
                into(piece)
    except urllib.error.HTTPError as error:
        with error:
            raise CloudUnreachable(url, f"status {error.code}", error.code) from error
    except (OSError, ValueError) as error:
        raise CloudUnreachable(url, str(error)) from error


def _showing(certificate: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


class HttpSnapshots:
    """Satisfies `Snapshots`: downloads on the runner, which also verifies."""

    def __init__(self, cloud_url: str, runner: Runner, certificate: Path | None = None) -> None:
        self._url = cloud_url.rstrip("/") + "/api/v1/snapshot"
        self._runner = runner
        self._certificate = certificate

    def fetch(self, request: bytes, into: Path, then: Callable[[bool], None]) -> None:
        """Download a rule set."""

        def job() -> bool:
            into.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with into.open("wb") as file:
                post(self._url, request, "application/cose", file.write, MOST_BYTES, certificate=self._certificate)
            return True

        self._runner.run(job, lambda result: then(result is True))
