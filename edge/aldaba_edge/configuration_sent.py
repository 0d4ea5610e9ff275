"""Has the cloud keep this controller's configuration, so that the controller after it has the same one.

It is sent after a start and whenever the file has changed, signed like every
request over HTTPS. It holds no secret: profiles, pins and buses of doors.
"""

import secrets
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

import structlog

from aldaba_edge.certificate import Asker
from aldaba_edge.cloud_http import post
from aldaba_edge.ports import Clock
from aldaba_edge.runner import Runner
from aldaba_shared.envelope import seal
from aldaba_shared.errors import AldabaError
from aldaba_shared.messages import LONGEST_CONFIGURATION, ConfigurationSent, Kind

log: Final = structlog.get_logger()
FIRST_LOOK_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 60.0

Post = Callable[[str, bytes], object]


def post_to_cloud(url: str, envelope: bytes) -> None:
    """POST an envelope; whatever is answered with success is good."""
    post(url, envelope, "application/cose", lambda _: None, 0)


class ConfigurationSender:
    """Looks at the file now and then; a failure is told once and tried again at the next look."""

    def __init__(self, path: Path, asker: Asker, runner: Runner, clock: Clock, send: Post = post_to_cloud) -> None:
        self._path = path
        self._asker = asker
        self._runner = runner
        self._clock = clock
        self._send = send
        self._sent = b""
        self._sending = False
        self._failing = False

    def start(self) -> None:
        """Look soon, when doors decide already, and then every minute."""
        self._clock.call_later(FIRST_LOOK_SECONDS, self._again)

    def _again(self) -> None:
        self.look()
        self._clock.call_later(LOOK_SECONDS, self._again)

    def look(self) -> None:
        """Send the file if it is not what the cloud was sent last."""
        try:
            written = self._path.read_bytes()
            text = written.decode()
        except (OSError, UnicodeDecodeError):
            return
        digest = sha256(written).digest()
        if self._sending or digest == self._sent or len(written) > LONGEST_CONFIGURATION:
            return
        self._sending = True
        asker = self._asker
        body = ConfigurationSent(asker.controller, self._clock.now(), secrets.token_bytes(16), text)
        envelope = seal(Kind.CONFIGURE, "cloud", body, asker.key)
        url = f"{asker.cloud_url.rstrip('/')}/api/v1/configuration"
        self._runner.run(lambda: self._send(url, envelope), lambda result: self._done(result, digest))

    def _done(self, result: object, digest: bytes) -> None:
        self._sending = False
        failed = isinstance(result, AldabaError)
        if not failed:
            self._sent = digest
        elif not self._failing:
            log.warning("configuration_not_kept", why=str(result))
        self._failing = failed
