"""The ways of a controller that has no broker: nothing is sent, nothing comes, the doors decide all the same."""

from collections.abc import Callable
from pathlib import Path


class NoLink:
    """Satisfies `Link` without ever connecting."""

    connected = False

    def start(self, on_connect: Callable[[], None], on_message: Callable[[str, bytes], None]) -> None:
        """Nothing to connect to."""

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Dropped, as on any link that is down; the lines wait in the journal."""

    def credentials_changed(self) -> None:
        """Nobody to show them to."""

    def stop(self) -> None:
        """Nothing to end."""


class NoSnapshots:
    """Satisfies `Snapshots` without ever fetching."""

    def fetch(self, request: bytes, into: Path, then: Callable[[bool], None]) -> None:  # noqa: ARG002 - the port's own signature
        """It did not work."""
        then(False)  # noqa: FBT003 - the shape of the port
