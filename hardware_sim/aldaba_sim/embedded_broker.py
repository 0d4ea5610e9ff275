"""The demo's MQTT broker: amqtt in a process of its own, on loopback, with a password per client.

The passwords stand in a JSON file, `{"username": "password"}`, made for one run
and read again when it changes, because controllers are paired while the broker
runs. A controller may write and read its own topics and read its peers'
presence; the user `cloud` may do everything. Real sites run Mosquitto.
"""

import asyncio
import hmac
import json
import logging
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from aldaba_shared.topics import Channel, address
from aldaba_shared.wire import Malformed

CLOUD: Final = "cloud"
WRITES: Final = frozenset({Channel.UP, Channel.PRESENCE})
READS: Final = frozenset({Channel.DOWN, Channel.STATE, Channel.PRESENCE})


def known_passwords(file: Path) -> dict[str, str]:
    """The passwords of this moment; a file that is not there yet knows nobody."""
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return known


class Passwords(BaseAuthPlugin):  # type: ignore[misc] # amqtt ships no types
    """Lets in who has the password that the file holds for their name."""

    @dataclass
    class Config:
        """Where the file is."""

        file: str = ""

    async def authenticate(self, *, session: Session) -> bool | None:
        """Whether the session's name and password belong together."""
        wanted = known_passwords(Path(self.config.file)).get(session.username or "")
        return wanted is not None and hmac.compare_digest(wanted.encode(), (session.password or "").encode())


class OwnTopics(BaseTopicPlugin):  # type: ignore[misc] # amqtt ships no types
    """Keeps every controller to its own topics and its peers' presence."""

    @dataclass
    class Config:
        """Nothing to choose."""

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool | None:
        """Whether this client may publish to, subscribe to or receive from this topic."""
        return may_use(session.username if session else None, topic or "", publish=action is Action.PUBLISH)


def may_use(username: str | None, topic: str, *, publish: bool) -> bool:
    """The rule by itself: who may use which topic in which direction."""
    if username == CLOUD:
        return True
    wildcard = topic.count("+") == 1 and topic.split("/")[3:] == ["+", Channel.PRESENCE.value]
    if wildcard:
        return not publish
    try:
        where = address(topic)
    except Malformed:
        return False
    if publish:
        return where.controller == username and where.channel in WRITES
    return where.channel is Channel.PRESENCE or (where.controller == username and where.channel in READS)


def configuration(port: int, passwords: Path) -> dict[str, object]:
    """Amqtt's configuration: one listener on loopback and our two plugins."""
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {
            "aldaba_sim.embedded_broker.Passwords": {"file": str(passwords)},
            "aldaba_sim.embedded_broker.OwnTopics": {},
        },
    }


async def serve(port: int, passwords: Path) -> None:
    """Run until the process is told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    broker = Broker(configuration(port, passwords))
    await broker.start()
    await stop.wait()
    await broker.shutdown()


def main() -> None:
    """`python -m aldaba_sim.embedded_broker PORT PASSWORD_FILE`."""
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))


if __name__ == "__main__":
    main()
