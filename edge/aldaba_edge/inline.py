"""An MQTT broker within the process: retained messages and `+`, nothing else. For tests and small worlds."""

from collections.abc import Callable


class InlineBroker:
    """Delivers in order when the loop comes round; `post` is the loop's."""

    def __init__(self, post: Callable[[Callable[[], None]], None]) -> None:
        self._post = post
        self._subscribers: list[tuple[str, InlineLink]] = []
        self.retained: dict[str, bytes] = {}
        self.up = True

    def subscribe(self, pattern: str, link: "InlineLink") -> None:
        """Deliver what matches from now on, and what is retained at once."""
        if (pattern, link) not in self._subscribers:
            self._subscribers.append((pattern, link))
        for topic, payload in list(self.retained.items()):
            if matches(pattern, topic):
                self._deliver(link, topic, payload)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Give a message to everyone who wants it; dropped while the broker is down."""
        if not self.up:
            return
        if retain:
            self.retained[topic] = payload
        for pattern, link in self._subscribers:
            if matches(pattern, topic):
                self._deliver(link, topic, payload)

    def _deliver(self, link: "InlineLink", topic: str, payload: bytes) -> None:
        self._post(lambda: link.deliver(topic, payload))

    def forget(self, link: "InlineLink") -> None:
        """The link is gone."""
        self._subscribers = [known for known in self._subscribers if known[1] is not link]


class InlineLink:
    """Satisfies `Link` over an `InlineBroker`; `cut` and `join` stand for the network."""

    def __init__(self, broker: InlineBroker, patterns: tuple[str, ...]) -> None:
        self._broker = broker
        self._patterns = patterns
        self._on_connect: Callable[[], None] = lambda: None
        self._on_message: Callable[[str, bytes], None] = lambda _topic, _payload: None
        self._connected = False
        self._started = False

    def start(self, on_connect: Callable[[], None], on_message: Callable[[str, bytes], None]) -> None:
        """Connect."""
        self._on_connect, self._on_message = on_connect, on_message
        self._started = True
        self.join()

    @property
    def connected(self) -> bool:
        """Whether messages pass now."""
        return self._connected and self._broker.up

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send; silently dropped while cut."""
        if self.connected:
            self._broker.publish(topic, payload, retain=retain)

    def deliver(self, topic: str, payload: bytes) -> None:
        """What the broker calls."""
        if self.connected:
            self._on_message(topic, payload)

    def credentials_changed(self) -> None:
        """Nobody asks for a certificate here."""

    def cut(self) -> None:
        """The network goes."""
        self._connected = False
        self._broker.forget(self)

    def join(self) -> None:
        """The network is back."""
        if not self._started or self._connected:
            return
        self._connected = True
        for pattern in self._patterns:
            self._broker.subscribe(pattern, self)
        self._on_connect()

    def stop(self) -> None:
        """Disconnect."""
        self.cut()
        self._started = False


def matches(pattern: str, topic: str) -> bool:
    """Whether an MQTT filter with `+` matches a topic."""
    wanted, given = pattern.split("/"), topic.split("/")
    return len(wanted) == len(given) and all(w in ("+", g) for w, g in zip(wanted, given, strict=True))
