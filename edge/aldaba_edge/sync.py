"""The sync: lines up until they are acked, signed state and commands down.

The broker may lose, repeat, reorder or forge. Lines count as delivered when the
cloud's signed ack says that they are committed; what comes down counts when a
trusted key signed it for this controller and it is newer than what is known.
Everything else changes nothing and is an alarm.
"""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeAlias, TypeVar

import structlog

from aldaba_edge.journal import SqliteJournal
from aldaba_edge.ports import Clock, Link, Timer
from aldaba_edge.presences import PeerPresences
from aldaba_edge.rules_follower import RulesFollower
from aldaba_edge.state import Slot, State
from aldaba_edge.trust import OutOfDate, Trust
from aldaba_edge.uplink import Uplink
from aldaba_shared import topics
from aldaba_shared.decide import DoorMode
from aldaba_shared.envelope import EnvelopeRefused, seal, unseal
from aldaba_shared.errors import AldabaError
from aldaba_shared.events import AnyEvent, MessageRefused
from aldaba_shared.ids import DoorId, HolderId
from aldaba_shared.messages import SCHEMA, Ack, Command, Hello, Kind, Modes, Resend
from aldaba_shared.parcel import pack, unpack
from aldaba_shared.topics import Channel
from aldaba_shared.wire import Malformed

log = structlog.get_logger()
T = TypeVar("T")
Released: TypeAlias = Callable[[DoorId, str], None]
"""Told of a release: which door, and the id of the command that asked for it."""
Asked: TypeAlias = Callable[[DoorId, str, HolderId], None]

REFUSAL_SECONDS: Final = 60.0
"""The same refusal is journaled once in so long; the log says how often it came."""
GONE_SECONDS: Final = 150.0
"""The cloud signs a head every minute; after two and a half without any word it is called gone."""
GREET_AGAIN_SECONDS: Final = 5.0
LONGEST_GREETING: Final = 60.0
"""A hello that nobody answered is said again, first after five seconds, then after twice as long, up to a minute."""


class Refusals:
    """Journals what was refused, at most once a minute for each cause, so that a flood cannot fill the books."""

    def __init__(self, clock: Clock, tell: Callable[[AnyEvent], object]) -> None:
        self._clock = clock
        self._tell = tell
        self._last: dict[tuple[str, str], float] = {}
        self.counts: dict[tuple[str, str], int] = {}

    def add(self, what: str, why: str) -> None:
        """Count a refusal, and journal it if it is the first of its minute."""
        cause = (what, why)
        self.counts[cause] = self.counts.get(cause, 0) + 1
        now = self._clock.monotonic()
        last = self._last.get(cause)
        if last is None or now - last >= REFUSAL_SECONDS:
            self._last[cause] = now
            log.warning("message_refused", what=what, why=why, times=self.counts[cause])
            self._tell(MessageRefused(what, why))


class Sync:
    """One controller's conversation with its cloud and its peers, in callbacks.

    `on_modes` is told of the modes each time newer ones are kept, `on_release` of
    a release whose counter is on the disk already, `on_sticker` of somebody who asks
    by a door's sticker (the door, the command, the holder) under the same condition.
    """

    def __init__(
        self,
        link: Link,
        clock: Clock,
        *,
        journal: SqliteJournal,
        state: State,
        trust: Trust,
        refusals: Refusals,
        follower: RulesFollower,
        software: str,
    ) -> None:
        self._link = link
        self._clock = clock
        self._journal = journal
        self._state = state
        self._trust = trust
        self._refusals = refusals
        self._follower = follower
        self._software = software
        self._presences: PeerPresences | None = None
        self._nonce = b""
        self._gone: Timer | None = None
        self._unanswered: Timer | None = None
        self.cloud_answers = False
        self.on_modes: Callable[[Modes], None] = lambda _modes: None
        self.on_release: Released = lambda _door, _command: None
        self.on_sticker: Asked = lambda _door, _command, _holder: None
        self.uplink = Uplink(clock, journal, state, trust, self._send_up)
        self._readers: dict[tuple[Channel, Kind], Callable[[bytes], None]] = {
            (Channel.STATE, Kind.KEYS): self._keys,
            (Channel.STATE, Kind.HEAD): follower.head,
            (Channel.STATE, Kind.MODES): self._modes,
            (Channel.DOWN, Kind.KEYS): self._keys,
            (Channel.DOWN, Kind.HEAD): follower.head,
            (Channel.DOWN, Kind.MODES): self._modes,
            (Channel.DOWN, Kind.DELTA): follower.delta,
            (Channel.DOWN, Kind.ACK): self._ack,
            (Channel.DOWN, Kind.RESEND): self._resend,
            (Channel.DOWN, Kind.COMMAND): self._command,
        }

    def start(self, presences: PeerPresences) -> None:
        """Connect and stay connected."""
        self._presences = presences
        self._journal.watch(self.uplink.recorded)
        self._link.start(self._connected, self._message)

    def stop(self) -> None:
        """Disconnect."""
        self._link.stop()
        self.uplink.stop()
        self._greeted()
        if self._gone is not None:
            self._gone.cancel()

    @property
    def modes(self) -> Modes | None:
        """The modes kept from before, for a daemon that starts."""
        return self._state.get(Slot.MODES, Modes)

    def publish_presence(self, envelope: bytes) -> None:
        """Send this controller's news to its peers; the broker keeps it for those who come later."""
        self._link.publish(self._topic(Channel.PRESENCE), pack({Kind.PRESENCE: envelope}), retain=True)

    def _topic(self, channel: Channel) -> str:
        return topics.topic(self._trust.site, self._trust.controller, channel)

    def _send_up(self, kind: Kind, body: object) -> None:
        if not self._link.connected:
            # It would be dropped; a week alone would otherwise be spent signing batches for nobody.
            return
        envelope = seal(kind, "cloud", body, self._trust.own)
        self._link.publish(self._topic(Channel.UP), pack({kind: envelope}))

    # Connecting

    def _connected(self) -> None:
        self._nonce = secrets.token_bytes(16)
        self.hello()
        self.uplink.reconnected(self._nonce)
        self._greet_again_after(GREET_AGAIN_SECONDS)
        if self._presences is not None:
            self._presences.tell()

    def _greet_again_after(self, seconds: float) -> None:
        """Say hello again unless it is answered: the cloud may have been away, and needs its nonce for commands."""
        self._greeted()

        def again() -> None:
            self.uplink.greeted(self._nonce)
            self.hello()
            self._greet_again_after(min(seconds * 2, LONGEST_GREETING))

        self._unanswered = self._clock.call_later(seconds, again)

    def _greeted(self) -> None:
        """The cloud has answered this connection's hello, or nobody asks any more."""
        if self._unanswered is not None:
            self._unanswered.cancel()
            self._unanswered = None

    def hello(self) -> None:
        """Say who is here and how far it is."""
        modes = self.modes
        epoch, version = self._follower.rules.generation
        body = Hello(
            schema=SCHEMA,
            controller=self._trust.controller,
            software=self._software,
            epoch=epoch,
            version=version,
            set_hash=self._follower.rules.set_hash,
            journal=self._journal.id,
            last_sequence=self._journal.durable.sequence,
            boot=self._journal.boot,
            segment=self._journal.segment,
            clock=self._clock.now(),
            nonce=self._nonce,
            modes_counter=modes.counter if modes is not None else 0,
        )
        self._send_up(Kind.HELLO, body)

    # What comes down

    def _message(self, topic: str, payload: bytes) -> None:
        kind = "message"
        try:
            where = topics.address(topic)
            for found, envelope in unpack(payload).items():
                kind = found.value
                self._read(where, found, envelope)
        except EnvelopeRefused as error:
            self._refusals.add(kind, error.code)
        except (OutOfDate, Malformed) as error:
            self._refusals.add(kind, error.why if isinstance(error, OutOfDate) else error.code)
        except AldabaError as error:
            self._refusals.add(kind, error.code)

    def _read(self, where: topics.Address, kind: Kind, envelope: bytes) -> None:
        if where.channel is Channel.PRESENCE:
            if where.controller != self._trust.controller and self._presences is not None:
                self._presences.arrived(where.controller, envelope)
            return
        if (where.site, where.controller) != (self._trust.site, self._trust.controller):
            # Some brokers (amqtt) deliver retained messages nobody subscribed to: not for us, so no news and no alarm.
            return
        reader = self._readers.get((where.channel, kind))
        if reader is None:
            raise EnvelopeRefused(kind, "it has no place on this topic")
        reader(envelope)
        self._cloud_spoke()

    def _cloud_spoke(self) -> None:
        """A signed word of the cloud: said once when it comes back, and watched for silence."""
        if not self.cloud_answers:
            self.cloud_answers = True
            log.info("cloud_answers")
        if self._gone is not None:
            self._gone.cancel()
        self._gone = self._clock.call_later(GONE_SECONDS, self._cloud_silent)
        self.uplink.cloud_spoke()

    def _cloud_silent(self) -> None:
        self.cloud_answers = False
        log.warning("cloud_silent", last_sequence=self._journal.last)

    def _opened(self, kind: Kind, envelope: bytes, shape: type[T]) -> T:
        body = unseal(kind, self._trust.controller, envelope, self._trust.ring, shape)
        if getattr(body, "controller", None) != self._trust.controller:
            raise EnvelopeRefused(kind, "it names another controller")
        return body

    def _keys(self, envelope: bytes) -> None:
        if self._trust.accept_keys(envelope):
            self._follower.keys_rotated()

    def _ack(self, envelope: bytes) -> None:
        ack = self._opened(Kind.ACK, envelope, Ack)
        self.uplink.acked(ack)
        self._answered(ack.nonce)

    def _resend(self, envelope: bytes) -> None:
        resend = self._opened(Kind.RESEND, envelope, Resend)
        self.uplink.resend(resend)
        self._answered(resend.nonce)

    def _answered(self, nonce: bytes) -> None:
        if nonce == self._nonce:
            self._greeted()

    def _modes(self, envelope: bytes) -> None:
        modes = self._opened(Kind.MODES, envelope, Modes)
        known = self.modes
        if known is not None and modes.counter <= known.counter:
            # The cloud signs the same modes anew with every head; only another content is news.
            if (modes.counter, modes.modes) != (known.counter, known.modes):
                raise OutOfDate(Kind.MODES, "replayed", f"counter {modes.counter} is not above {known.counter}")
            return
        self._state.put(Slot.MODES, modes)
        log.info("modes_changed", counter=modes.counter, locked_down=_locked_down(modes))
        self.on_modes(modes)

    def _command(self, envelope: bytes) -> None:
        command = self._opened(Kind.COMMAND, envelope, Command)
        counter = self._state.get(Slot.COMMAND_COUNTER, int) or 0
        if command.hello_nonce != self._nonce:
            raise OutOfDate(Kind.COMMAND, "another_connection", "it answers a connection that has ended")
        if command.counter <= counter:
            raise OutOfDate(Kind.COMMAND, "replayed", f"counter {command.counter} is not above {counter}")
        if command.expires_at <= self._clock.now() + self.clock_offset:
            raise OutOfDate(Kind.COMMAND, "expired", "its time is over")
        self._state.put(Slot.COMMAND_COUNTER, command.counter, then=self._act(command))

    def _act(self, command: Command) -> Callable[[], None]:
        holder = command.holder
        if command.verb == "release":
            return lambda: self.on_release(command.door, command.id)
        if command.verb == "sticker" and holder is not None:
            return lambda: self.on_sticker(command.door, command.id, holder)
        raise OutOfDate(Kind.COMMAND, "unknown_verb", f"nobody here knows how to {command.verb[:20]!r}")

    @property
    def clock_offset(self) -> timedelta:
        """The cloud's clock minus ours, as measured on acks; nothing before the first one."""
        return self.uplink.clock_offset or timedelta(0)


def _locked_down(modes: Modes) -> int:
    return sum(1 for one in modes.modes if one.mode is DoorMode.LOCKED_DOWN)
