"""The other end of the sync, as naive as it can be: a dictionary of lines, and acks for what is in it."""

from dataclasses import dataclass, field

from aldaba_edge.clock import HandClock
from aldaba_edge.inline import InlineBroker, InlineLink
from aldaba_shared.envelope import KeyRing, seal, unseal
from aldaba_shared.events import GENESIS, chained
from aldaba_shared.messages import Ack, Batch, Hello, Kind, Resend
from aldaba_shared.parcel import pack, unpack
from aldaba_shared.topics import Channel, address, topic
from tests.edge.places import ME, SITE, Keys

DOWN = topic(SITE, ME, Channel.DOWN)  # type: ignore[arg-type]  # a plain id
STATE = topic(SITE, ME, Channel.STATE)  # type: ignore[arg-type]  # a plain id


@dataclass
class NaiveCloud:
    """Stores each line once and in order, or asks for what is missing."""

    clock: HandClock
    keys: Keys
    broker: InlineBroker
    lines: dict[str, list[bytes]] = field(default_factory=dict)
    hashes: dict[str, bytes] = field(default_factory=dict)
    hellos: list[Hello] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    presence: list[bytes] = field(default_factory=list)
    silent: bool = False

    def __post_init__(self) -> None:
        self.link = InlineLink(self.broker, (f"aldaba/1/{SITE}/+/up", f"aldaba/1/{SITE}/+/presence"))
        self.link.start(lambda: None, self.hear)
        self.ring = KeyRing([self.keys.me.public(Kind.HELLO, Kind.BATCH)])

    def hear(self, topic_: str, payload: bytes) -> None:
        if address(topic_).channel is Channel.PRESENCE:
            self.presence.append(unpack(payload)[Kind.PRESENCE])
            return
        for kind, envelope in unpack(payload).items():
            if kind is Kind.HELLO:
                self.hellos.append(unseal(kind, "cloud", envelope, self.ring, Hello))
            elif not self.silent:
                self.store(unseal(kind, "cloud", envelope, self.ring, Batch))

    def store(self, batch: Batch) -> None:
        self.batches.append(batch)
        known = self.lines.setdefault(batch.journal, [])
        if batch.lost_before is not None:
            known.extend([b""] * (batch.lost_before - 1 - len(known)))
        if batch.first_sequence > len(known) + 1:
            self.send(Kind.RESEND, Resend(ME, batch.journal, len(known) + 1, batch.nonce, self.clock.now()))
            return
        new = batch.lines[len(known) + 1 - batch.first_sequence :]
        before = self.hashes.get(batch.journal, GENESIS)
        for line in new:
            before = chained(before, line)
        self.hashes[batch.journal] = before
        known.extend(new)
        self.send(Kind.ACK, Ack(ME, batch.journal, len(known), batch.nonce, self.clock.now()))

    def send(self, kind: Kind, body: object, *, audience: str = ME) -> bytes:
        envelope = seal(kind, audience, body, self.keys.cloud)
        self.publish(kind, envelope)
        return envelope

    def publish(self, kind: Kind, envelope: bytes) -> None:
        payload = pack({kind: envelope})
        self.sent.append(payload)
        self.broker.publish(DOWN, payload)
