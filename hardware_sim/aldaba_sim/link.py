"""The broker and the network of the simulated world: an MQTT broker in memory, under the hand-turned clock.

It keeps what brokers keep: order within a connection, retained messages, and
nothing of what was on its way when a connection broke. Its weather is what
networks add: loss, doubling, another order, long delays, per client and as long
as it lasts. Everything random comes from one seeded `random.Random`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from aldaba_sim.clock import HandTime

OnMessage: TypeAlias = Callable[[str, bytes], None]
Spoil: TypeAlias = Callable[[str, bytes], list[tuple[str, bytes]]]
"""What somebody who owns the network makes of a message: other messages in its place."""

FASTEST_SECONDS = 0.005
SLOWEST_SECONDS = 0.060
RECONNECT_SECONDS = (1.0, 4.0)


@dataclass(slots=True)
class Weather:
    """What the network does to the messages of one client. Shares are of all messages, from 0 to 1."""

    loss: float = 0.0
    doubling: float = 0.0
    reordering: float = 0.0
    delay_seconds: float = 0.0
    spoil: Spoil | None = None

    @property
    def fair(self) -> bool:
        """Whether messages arrive once, in order and soon."""
        return not (self.loss or self.doubling or self.reordering or self.delay_seconds or self.spoil)


class Broker:
    """Topics, retained messages and the clients that are connected."""

    def __init__(self, time: HandTime, rng: Random) -> None:
        self.time = time
        self.rng = rng
        self.up = True
        self.retained: dict[str, bytes] = {}
        self.clients: dict[str, Client] = {}
        self.on_struck: Callable[[str], None] = lambda _how: None
        """Told of each message that was lost, doubled, reordered or delayed, by the weather's own name for it."""

        self.on_accept: OnMessage = lambda _topic, _payload: None
        """Told of every message that reached the broker: somebody may own it."""

    def client(self, name: str, wants: Callable[[str], bool]) -> "Client":
        """A new client by this name; one that had the name before is gone."""
        before = self.clients.get(name)
        if before is not None:
            before.stop()
        client = Client(self, name, wants)
        if before is not None:
            client.weather, client.cut = before.weather, before.cut
        self.clients[name] = client
        return client

    def accept(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """A message has reached the broker: keep it when it is to be kept, and send it to whoever wants it."""
        if not self.up:
            return
        self.on_accept(topic, payload)
        if retain:
            self.retained[topic] = payload
        for client in list(self.clients.values()):
            if client.wants(topic):
                client.travel(lambda c=client: c.hear(topic, payload))  # type: ignore[misc] # mypy cannot infer a lambda with a default

    def stop(self, *, forgetting: bool) -> None:
        """The broker goes down: every connection breaks; `forgetting` loses the retained messages too."""
        self.up = False
        if forgetting:
            self.retained.clear()
        for client in list(self.clients.values()):
            client.break_off()

    def start(self) -> None:
        """The broker is back; clients find it with their own backoff."""
        self.up = True
        for client in list(self.clients.values()):
            client.retry()


class Client:
    """One connection to the broker; satisfies the edge's `Link` port."""

    def __init__(self, broker: Broker, name: str, wants: Callable[[str], bool]) -> None:
        self.name = name
        self.wants = wants
        self.weather = Weather()
        self.cut = False
        self.connected_since_us = 0
        self._broker = broker
        self._connection = 0
        self._connected = False
        self._running = False
        self._last_arrival = 0.0
        self._on_connect: Callable[[], None] = lambda: None
        self._on_message: OnMessage = lambda _topic, _payload: None

    @property
    def connected(self) -> bool:
        """Whether the broker answers now."""
        return self._connected

    def start(self, on_connect: Callable[[], None], on_message: OnMessage) -> None:
        """Connect and stay connected, with backoff."""
        self._on_connect, self._on_message = on_connect, on_message
        self._running = True
        self._broker.time.call_later(0.0, self._connect)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send; dropped without a word while there is no connection."""
        if self._connected:
            for name, spoiled in self._spoiled(topic, payload):
                self.travel(lambda t=name, p=spoiled: self._broker.accept(t, p, retain=retain))  # type: ignore[misc] # as above

    def credentials_changed(self) -> None:
        """This network asks for no certificate."""

    def stop(self) -> None:
        """Disconnect for good; idempotent."""
        self._running = False
        self.break_off()

    def break_off(self) -> None:
        """The connection breaks, and with it all that was on its way."""
        self._connected = False
        self._connection += 1

    def cut_off(self) -> None:
        """Somebody pulled the cable."""
        self.cut = True
        self.break_off()

    def mend(self) -> None:
        """The cable is back."""
        self.cut = False
        self.retry()

    def retry(self) -> None:
        """Connect again after a while."""
        self._broker.time.call_later(self._broker.rng.uniform(*RECONNECT_SECONDS), self._connect)

    def travel(self, arrive: Callable[[], None]) -> None:
        """Let a message travel over this connection, through its weather."""
        rng, weather = self._broker.rng, self.weather
        if not self._connected:
            return
        if weather.loss and rng.random() < weather.loss:
            self._broker.on_struck("loss")
            return
        copies = 2 if weather.doubling and rng.random() < weather.doubling else 1
        if copies > 1:
            self._broker.on_struck("doubling")
        for _ in range(copies):
            self._promise(arrive, self._delay())

    def hear(self, topic: str, payload: bytes) -> None:
        """A message has arrived at this client."""
        for name, spoiled in self._spoiled(topic, payload):
            self._on_message(name, spoiled)

    def _connect(self) -> None:
        if not self._running or self._connected or self.cut or not self._broker.up:
            return
        self._connected = True
        self._connection += 1
        self._last_arrival = 0.0
        self.connected_since_us = self._broker.time.elapsed_us
        for topic, payload in list(self._broker.retained.items()):
            if self.wants(topic):
                self.travel(lambda t=topic, p=payload: self.hear(t, p))  # type: ignore[misc] # as above
        self._on_connect()

    def _delay(self) -> float:
        """Seconds until arrival. TCP keeps the order, so nothing overtakes unless the weather says so."""
        rng, weather = self._broker.rng, self.weather
        seconds = rng.uniform(FASTEST_SECONDS, SLOWEST_SECONDS) + rng.uniform(0, weather.delay_seconds)
        now = self._broker.time.elapsed_us / 1_000_000
        if weather.delay_seconds:
            self._broker.on_struck("delay_seconds")
        if weather.reordering and rng.random() < weather.reordering:
            self._broker.on_struck("reordering")
            return seconds + rng.uniform(0, 2.0)
        self._last_arrival = max(self._last_arrival, now + seconds)
        return self._last_arrival - now

    def _promise(self, arrive: Callable[[], None], seconds: float) -> None:
        connection = self._connection

        def call() -> None:
            if self._connected and self._connection == connection:
                arrive()

        self._broker.time.call_later(seconds, call)

    def _spoiled(self, topic: str, payload: bytes) -> list[tuple[str, bytes]]:
        if self.weather.spoil is None:
            return [(topic, payload)]
        return self.weather.spoil(topic, payload)
