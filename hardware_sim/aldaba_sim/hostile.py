"""Hostile peers: somebody who owns the broker and the network, a copied controller, and a copied card.

They may delay and they may be a nuisance. They must not open, hide, invent or
turn back anything: not with old messages played again, not with messages signed
by a key of their own under a trusted name, not with an older rule set, and not
with the keys of one controller against the books the cloud already has.
"""

from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec.structs import replace as changed

from aldaba_shared.decide import DoorMode
from aldaba_shared.envelope import KeyRing, SigningKey, seal, unseal
from aldaba_shared.errors import AldabaError
from aldaba_shared.events import read_line, write_line
from aldaba_shared.ids import ControllerId, DoorId
from aldaba_shared.messages import (
    Ack,
    Batch,
    Command,
    Head,
    Hello,
    KeyList,
    Kind,
    ModeNow,
    Modes,
    PresenceNews,
    Resend,
)
from aldaba_shared.parcel import pack, unpack
from aldaba_shared.topics import Channel, topic
from aldaba_sim.building import STREET
from aldaba_sim.people import Errand, Person
from aldaba_sim.seeding import SITE

if TYPE_CHECKING:
    from aldaba_sim.machine import Machine
    from aldaba_sim.world import World

Said = TypeVar("Said")
MOST_KEPT: Final = 60
"""How many messages of each topic somebody keeps, beside the very first."""
OFFICE_KIDS: Final = b"cloud-1"
ALL: Final = "*"


@dataclass(frozen=True, slots=True)
class Message:
    """What is put on the broker in somebody else's name."""

    topic: str
    payload: bytes
    retain: bool


class Eavesdropper:
    """Keeps what the broker passes on, to play it again or to learn nonces from."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._first: dict[str, bytes] = {}
        self._kept: dict[str, deque[bytes]] = defaultdict(lambda: deque(maxlen=MOST_KEPT))
        self._keys: dict[bytes, SigningKey] = {}
        self._key = self._key_called(OFFICE_KIDS)
        world.broker.on_accept = self._keep

    def old(self, machine: "Machine", dice: Random) -> Message | None:
        """A message of this controller's topics that was passed on before."""
        names = [name for name in self._kept if f"/{machine.name}/" in name]
        if not names:
            return None
        name = dice.choice(names)
        payload = dice.choice([self._first[name], *self._kept[name]])
        return Message(name, payload, retain=name.endswith((Channel.STATE, Channel.PRESENCE)))

    def first_state(self, machine: "Machine") -> Message | None:
        """The first signed state the controller was ever given."""
        name = self._topic(machine, Channel.STATE)
        return Message(name, self._first[name], retain=True) if name in self._first else None

    def forged(self, machine: "Machine") -> list[Message]:
        """One message of each kind, well made but for the key, with the nonces that were overheard."""
        me, now, key = ControllerId(machine.name), self._world.time.now(), self._key
        bodies: list[tuple[Channel, Kind, str, object]] = [
            (Channel.STATE, Kind.HEAD, me, Head(me, 9, 99, bytes(32), now)),
            (Channel.STATE, Kind.KEYS, ALL, KeyList(99, now, (key.public(*Kind),))),
            (Channel.STATE, Kind.MODES, me, Modes(me, 10**6, now, (ModeNow(self._door(machine), DoorMode.UNLOCKED),))),
            (Channel.PRESENCE, Kind.PRESENCE, SITE, PresenceNews(me, "j-forged", 10**6, now, ())),
        ]
        hello = self.heard(machine, Kind.HELLO, Hello)
        batch = self.heard(machine, Kind.BATCH, Batch)
        if hello is not None:
            late = now + timedelta(hours=1)
            order = Command("cmd-forged", me, self._door(machine), "release", hello.nonce, 10**6, late)
            bodies += [(Channel.DOWN, Kind.COMMAND, me, order), (Channel.UP, Kind.HELLO, "cloud", hello)]
        if batch is not None:
            last = batch.first_sequence + len(batch.lines) - 1
            bodies += [
                (Channel.DOWN, Kind.ACK, me, Ack(me, batch.journal, last + 1000, batch.nonce, now)),
                (Channel.DOWN, Kind.RESEND, me, Resend(me, batch.journal, 1, batch.nonce, now)),
                (Channel.UP, Kind.BATCH, "cloud", changed(batch, nonce=bytes(16))),
            ]
        return [
            self._message(machine, channel, kind, seal(kind, to, body, self._named(machine, kind)))
            for channel, kind, to, body in bodies
        ]

    def cloned(self, machine: "Machine") -> Message | None:
        """Other lines under numbers that the cloud has, signed by the controller's own key: a copied SD card."""
        batch = self.heard(machine, Kind.BATCH, Batch, oldest=True)
        if batch is None or batch.first_sequence + len(batch.lines) - 1 > machine.running.core.sync.uplink.watermark:
            return None
        line = read_line(batch.lines[-1])
        other = write_line(changed(line, at=line.at + timedelta(hours=1)))
        copy = changed(batch, lines=(*batch.lines[:-1], other), nonce=bytes(range(16)))
        return self._message(
            machine, Channel.UP, Kind.BATCH, seal(Kind.BATCH, "cloud", copy, machine.identity.signing_key())
        )

    def heard(self, machine: "Machine", kind: Kind, shape: type[Said], *, oldest: bool = False) -> Said | None:
        """The newest (or oldest) message of a kind that a controller itself sent up."""
        ring = KeyRing([machine.identity.signing_key().public(Kind.HELLO, Kind.BATCH)])
        kept = list(self._kept[self._topic(machine, Channel.UP)])
        for payload in kept if oldest else reversed(kept):
            with suppress(AldabaError):
                return unseal(kind, "cloud", unpack(payload).get(kind, b""), ring, shape)
        return None

    def _keep(self, name: str, payload: bytes) -> None:
        self._first.setdefault(name, payload)
        self._kept[name].append(payload)

    def _named(self, machine: "Machine", kind: Kind) -> SigningKey:
        """Our own key under the name that is trusted for this kind."""
        names = {Kind.KEYS: b"root", Kind.PRESENCE: machine.name.encode(), Kind.HELLO: machine.name.encode()}
        name = names.get(kind, machine.name.encode() if kind is Kind.BATCH else OFFICE_KIDS)
        return self._key_called(name)

    def _key_called(self, name: bytes) -> SigningKey:
        if name not in self._keys:
            self._keys[name] = self._world.certainly.key(name)
        return self._keys[name]

    def _message(self, machine: "Machine", channel: Channel, kind: Kind, envelope: bytes) -> Message:
        return Message(
            self._topic(machine, channel), pack({kind: envelope}), retain=channel in (Channel.STATE, Channel.PRESENCE)
        )

    @staticmethod
    def _topic(machine: "Machine", channel: Channel) -> str:
        return topic(SITE, ControllerId(machine.name), channel)

    @staticmethod
    def _door(machine: "Machine") -> DoorId:
        return DoorId(machine.opening.door)


def copycat(victim: Person, number: int) -> Person:
    """Somebody with a copy of a member's card."""
    return replace(victim, holder=f"copycat-{number}", name="Copycat", card_of=victim.holder)


def copycat_errands(world: "World", person: Person) -> list[Errand]:
    """In, out again, and once more after the member reported the card lost."""
    now = world.time.now()
    goals = ((1, person.desk), (25, STREET), (50, person.desk), (70, STREET))
    return [Errand(now + timedelta(minutes=minutes), person.holder, goal) for minutes, goal in goals]
