"""The link over MQTT 3.1.1: paho on a network thread of its own that may only post."""

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from aldaba_edge.keyfile import CERTIFICATE
from aldaba_shared import topics
from aldaba_shared.ids import ControllerId, SiteId
from aldaba_shared.messages import PairAnswer
from aldaba_shared.topics import Channel

log = structlog.get_logger()

KEEPALIVE_SECONDS: Final = 30
ASK_AGAIN_SECONDS: Final = 10.0
QOS: Final = 1
ANY: Final = "+"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and who we are to it.

    `authority` (PEM) is for a broker with a private authority; `certificate` is
    the file with our key and certificate, for one that asks for it.
    """

    host: str
    port: int
    username: str
    password: str
    tls: bool
    authority: str | None = None
    certificate: Path | None = None


def broker_of(answer: PairAnswer, folder: Path) -> Broker:
    """The broker that pairing named, and what it gave this controller to show there."""
    return Broker(
        answer.broker_host,
        answer.broker_port,
        answer.broker_username,
        answer.broker_password,
        answer.broker_tls,
        authority=answer.broker_authority.decode() or None,
        certificate=folder / CERTIFICATE if answer.certificate else None,
    )


def subscriptions(site: SiteId, controller: ControllerId) -> tuple[str, ...]:
    """What a controller listens to: its own down and state topics, and its site's presence."""
    return (
        topics.topic(site, controller, Channel.DOWN),
        topics.topic(site, controller, Channel.STATE),
        f"{topics.PREFIX}/{site}/{ANY}/{Channel.PRESENCE}",
    )


class PahoLink:
    """Satisfies `Link`. Reconnects by itself, 1 to 30 seconds apart.

    A session is clean: what was missed is learned from retained state, from acks
    and from snapshots, never from a broker's queue, which a kill would empty.
    """

    def __init__(
        self, broker: Broker, client_id: str, wanted: tuple[str, ...], post: Callable[[Callable[[], None]], None]
    ) -> None:
        self._broker = broker
        self._wanted = wanted
        self._post = post
        self._on_connect: Callable[[], None] = lambda: None
        self._on_message: Callable[[str, bytes], None] = lambda _topic, _payload: None
        self._started = False
        self._stopping = threading.Event()
        self._listening = False
        self._refusals = 0
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True, protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.username_pw_set(broker.username, broker.password)
        self._client.reconnect_delay_set(1, 30)
        self._client.max_inflight_messages_set(100)
        self._tls = ssl.create_default_context(cadata=broker.authority) if broker.tls else None
        if self._tls is not None:
            self._client.tls_set_context(self._tls)
            self.credentials_changed()
        self._client.on_socket_open = _without_delay

    def start(self, on_connect: Callable[[], None], on_message: Callable[[str, bytes], None]) -> None:
        """Connect and stay connected; a broker that is not there yet is tried again."""
        self._on_connect, self._on_message = on_connect, on_message
        self._started = True
        self._stopping.clear()
        self._client.on_connect = self._came
        self._client.on_disconnect = self._went
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._heard
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE_SECONDS)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send with QoS 1; dropped while there is no connection, so that no queue of ours outgrows the memory."""
        if self._client.is_connected():
            self._client.publish(topic, payload, qos=QOS, retain=retain)

    def credentials_changed(self) -> None:
        """Show the certificate in the file from the next connection on; the one that stands needs none."""
        if self._tls is None or self._broker.certificate is None:
            return
        try:
            self._tls.load_cert_chain(self._broker.certificate)
        except (OSError, ssl.SSLError) as error:
            log.warning("certificate_unusable", file=str(self._broker.certificate), why=str(error))

    @property
    def connected(self) -> bool:
        """Whether the broker answers now, and lets us hear what is meant for us."""
        return self._listening and self._client.is_connected()

    def stop(self) -> None:
        """Disconnect and join the network thread; idempotent."""
        if self._started:
            self._started = False
            self._stopping.set()
            self._client.disconnect()
            self._client.loop_stop()
            self._let_go()

    def _let_go(self) -> None:
        """Part from the client, so that it ends with us and closes its sockets: together we were a cycle."""
        self._client.on_connect = self._client.on_disconnect = None
        self._client.on_subscribe = self._client.on_message = None

    # On paho's thread: nothing below may touch what the loop owns.

    def _came(
        self, client: Client, _data: object, _flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if code.is_failure:
            log.warning("broker_refused", why=str(code))
            return
        self._refusals = 0
        client.subscribe([(topic, QOS) for topic in self._wanted])

    def _subscribed(
        self, client: Client, _data: object, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [topic for topic, code in zip(self._wanted, codes, strict=False) if code.is_failure]
        if refused:
            self._ask_again(client, refused)
            return
        log.info("broker_connected", host=self._broker.host)
        self._listening = True
        self._post(self._on_connect)

    def _ask_again(self, client: Client, refused: list[str]) -> None:
        """A broker that knows us by our certificate takes us before the cloud gave us our rights there: wait for them.

        The wait is paho's own thread's, which has nothing else to do while nothing is heard.
        """
        if self._refusals == 0:
            log.error("subscription_refused", topics=refused)
        self._refusals += 1
        if not self._stopping.wait(min(float(self._refusals), ASK_AGAIN_SECONDS)):
            client.subscribe([(topic, QOS) for topic in self._wanted])

    def _went(
        self, _client: Client, _data: object, _flags: DisconnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._listening = False
        log.info("broker_lost", why=str(code))

    def _heard(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        topic, payload = message.topic, bytes(message.payload)
        self._post(lambda: self._on_message(topic, payload))


def _without_delay(_client: Client, _data: object, opened: object) -> None:
    """Nagle makes a QoS 1 conversation 50 times slower; paho leaves it on."""
    if isinstance(opened, socket.socket):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
