"""The MQTT broker, from our side: one connection, one worker, and no decision of its own.

paho lives on its own thread and only puts messages into a queue. One worker
takes them in order, so that everything after the wire is synchronous, and ticks
in between. A broker's PUBACK says nothing about our database: doors forget a
line when our own ack comes, after the commit.
"""

import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from aldaba_cloud.log import log

UPWARD: Final = "aldaba/1/+/+/up"
TICK_SECONDS: Final = 0.05
MOST_WAITING: Final = 10_000
MOST_AT_ONCE: Final = 64
"""Messages in one transaction: of a line or two each, they take some 50 ms."""
MOST_BYTES_AT_ONCE: Final = 1 << 20
"""Where messages are full, four of them: some 50 ms too."""
AT_LEAST_ONCE: Final = 1

Socket: TypeAlias = Any
"""paho hands out whatever it wrapped: a plain, a TLS or a websocket one."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where the broker is and who we are there."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    ca_file: Path | None = None
    share: str = ""
    """The group that shares what comes up; empty means that we get everything."""

    @property
    def upward(self) -> str:
        """What to subscribe to."""
        return f"$share/{self.share}/{UPWARD}" if self.share else UPWARD


class End(Protocol):
    """Who takes messages and passes news on; `link.CloudEnd` is one."""

    def receive_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Take messages in their order."""
        ...

    def tick(self) -> None:
        """Pass on what waits."""
        ...


class Broker:
    """A connection to the broker and the worker behind it; `start` once, `stop` once."""

    def __init__(self, account: Account, make_end: Callable[["Broker"], End]) -> None:
        self._account = account
        self._waiting: queue.Queue[tuple[str, bytes]] = queue.Queue(MOST_WAITING)
        self._stopping = threading.Event()
        self._client = self._new_client()
        self._end = make_end(self)
        self._worker = threading.Thread(target=self._work, name="aldaba-link", daemon=True)
        self.connected = threading.Event()

    def start(self) -> None:
        """Connect, now or whenever the broker answers, and begin to work."""
        self._client.connect_async(self._account.host, self._account.port, keepalive=30)
        self._client.loop_start()
        self._worker.start()

    def stop(self) -> None:
        """Finish the message at hand and go."""
        self._stopping.set()
        self._worker.join(timeout=10)
        self._client.disconnect()
        self._client.loop_stop()
        # Part from the client, so that it ends with us and closes its sockets: together we were a cycle.
        self._client.on_connect = self._client.on_subscribe = None
        self._client.on_disconnect = self._client.on_message = None

    def send(self, to: str, payload: bytes, *, retain: bool) -> None:
        """Publish; while the broker is away, messages wait in the client."""
        self._client.publish(to, payload, qos=AT_LEAST_ONCE, retain=retain)

    def _new_client(self) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id="", protocol=MQTTv311)
        if self._account.username:
            client.username_pw_set(self._account.username, self._account.password)
        if self._account.ca_file:
            client.tls_set(ca_certs=str(self._account.ca_file))
        client.reconnect_delay_set(min_delay=1, max_delay=30)
        client.max_inflight_messages_set(200)
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            log.warning("broker_refused", reason=str(reason))
            return
        log.info("broker_connected", host=self._account.host)
        client.subscribe(self._account.upward, qos=AT_LEAST_ONCE)

    def _on_subscribe(
        self, _client: Client, _data: object, _number: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            log.error("broker_refused", reason=refused)
            return
        self.connected.set()

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self.connected.clear()
        if not self._stopping.is_set():
            log.warning("broker_lost", reason=str(reason))

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        try:
            self._waiting.put_nowait((message.topic, bytes(message.payload)))
        except queue.Full:
            # Nothing is lost: what has no ack of ours is sent again.
            log.warning("link_overrun", waiting=MOST_WAITING)

    def _work(self) -> None:
        due = 0.0
        while not self._stopping.is_set():
            self._take(self._arrived())
            if time.monotonic() >= due:
                try:
                    self._end.tick()
                except Exception:  # noqa: BLE001 - whatever it was, the next message is not to blame
                    log.exception("link_failed", topic="")
                    self._stopping.wait(1)
                due = time.monotonic() + TICK_SECONDS

    def _arrived(self) -> list[tuple[str, bytes]]:
        """The next message and what waits behind it, as much as one transaction may hold without holding others up."""
        found: list[tuple[str, bytes]] = []
        size = 0
        with suppress(queue.Empty):
            found.append(self._waiting.get(timeout=TICK_SECONDS))
            while len(found) < MOST_AT_ONCE and (size := size + len(found[-1][1])) < MOST_BYTES_AT_ONCE:
                found.append(self._waiting.get_nowait())
        return found

    def _take(self, messages: list[tuple[str, bytes]]) -> None:
        """Give messages to the end together; if that fails one by one, for one must not silence all doors."""
        if not messages:
            return
        try:
            self._end.receive_all(messages)
        except Exception:  # noqa: BLE001 - whatever it was, the other messages are not to blame
            if len(messages) > 1:
                for message in messages:
                    self._take([message])
                return
            # Without an ack it comes again.
            log.exception("link_failed", topic=messages[0][0])
            self._stopping.wait(1)


def _send_at_once(_client: Client, _data: object, opened: Socket) -> None:
    """Without this Nagle's algorithm holds small messages back for 45 ms."""
    if isinstance(opened, socket.socket):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
