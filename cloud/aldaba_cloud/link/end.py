"""The cloud end of the link: messages in, messages out, and no transport of its own.

MQTT calls it from the broker's worker thread; tests and the simulated world call
it directly under a hand-turned clock. Everything is synchronous, and whatever is
sent is sent after the commit that made it true.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol

from sqlalchemy import Connection

from aldaba_cloud import outbox
from aldaba_cloud.access import publish, restored
from aldaba_cloud.bookings.service import RIGHTS_CHANGED
from aldaba_cloud.broker_accounts import CONTROL
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.deps import Clock
from aldaba_cloud.fanout import Hub, News
from aldaba_cloud.fleet import ingest, pairing, service, store
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.fleet.filing import PASSED
from aldaba_cloud.fleet.ingest import Taken
from aldaba_cloud.fleet.keys import CloudKeys
from aldaba_cloud.fleet.models import BatchRefused, Controller, runs
from aldaba_cloud.fleet.site_broker import accounts_topic
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.link import news
from aldaba_cloud.link.accounts import Accounts
from aldaba_cloud.link.snapshot import answer_request
from aldaba_cloud.live import Live
from aldaba_cloud.log import log
from aldaba_cloud.occupancy.service import GatheredMoves, PresenceBooks
from aldaba_shared.envelope import EnvelopeRefused, KeyRing, seal, unseal
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import ControllerId, DoorId, HolderId, SiteId
from aldaba_shared.messages import Ack, Batch, Command, Hello, Kind, Modes, Resend, WorkingKey
from aldaba_shared.parcel import pack, unpack
from aldaba_shared.topics import Address, Channel, address, topic
from aldaba_shared.wire import Malformed

CLOUD: Final = "cloud"
HEAD_EVERY: Final = timedelta(seconds=60)
ZONES_EVERY: Final = timedelta(milliseconds=100)
REDRAW_EVERY: Final = timedelta(seconds=10)
REFUSED_AGAIN: Final = timedelta(minutes=1)
PASSED_ON: Final = (publish.PUBLISHED, pairing.PAIRED, service.RETIRED, service.MODES_CHANGED, service.COMMANDED)
NOT_PAIRED: Final = "it comes from a controller that is not paired here"
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
UP_KINDS: Final = (Kind.HELLO, Kind.BATCH, Kind.PRESENCE, Kind.REQUEST, Kind.OUTCOME)


class Send(Protocol):
    """How a message leaves: a topic, a payload, and whether the broker keeps it for who comes later."""

    def __call__(self, to: str, payload: bytes, *, retain: bool) -> None:
        """Send, or queue, one message; never waits for the other side."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that waits for the commit."""

    to: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Powers:
    """What this process may do beside taking messages in.

    Of several, one speaks to doors at a time; accounts are kept where the broker
    takes them from us.
    """

    speaks: Callable[[], bool] = lambda: True
    accounts: Accounts | None = None


@dataclass(slots=True)
class Memory:
    """What the link may forget: when it last said what. After a restart it says everything again."""

    rings: dict[ControllerId, tuple[bytes, KeyRing]] = field(default_factory=dict)
    heads: dict[ControllerId, datetime] = field(default_factory=dict)
    refused: dict[tuple[str, str], datetime] = field(default_factory=dict)
    moved: set[tuple[Scope, SiteId]] = field(default_factory=set)
    drawn_at: datetime = LONG_AGO
    zones: dict[str, object] = field(default_factory=dict)


class Opened(NamedTuple):
    """A batch whose signature held, where it came from, and the keys it was opened with."""

    to: str
    where: Address
    batch: Batch
    ring: KeyRing


class CloudEnd:
    """Takes what controllers send, answers after the commit, and passes the outbox on.

    Where several processes take in, only the one that `speaks` passes the outbox
    on and signs heads, so that a controller's deltas come in their order.
    """

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        keys: CloudKeys,
        *,
        clock: Clock,
        hub: Hub,
        send: Send,
        live: Live,
        powers: Powers | None = None,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._keys = keys
        self._clock = clock
        self._hub = hub
        self._live = live
        self._send = send
        self._powers = powers or Powers()
        self._admitted = self._powers.accounts is None
        self._presence = PresenceBooks()
        self._memory = Memory()

    def receive(self, to: str, payload: bytes) -> None:
        """Take one message of a controller; a forged or malformed one is refused, alarmed and never raises."""
        self.receive_all([(to, payload)])

    def receive_all(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Take messages in their order; lines that waited together are committed together.

        Where something raises that is no refusal, the same messages may be given again, one by one.
        """
        opened: list[Opened] = []
        for to, payload in messages:
            try:
                where = address(to)
                parcel = unpack(payload) if where.channel is Channel.UP else {}
                if Kind.HELLO in parcel:
                    self._take_batches(opened)
                    opened = []
                    self._take_hello(where.site, where.controller, parcel[Kind.HELLO])
                if Kind.BATCH in parcel:
                    opened.append(self._opened(to, where, parcel[Kind.BATCH]))
            except AldabaError as error:
                self._refuse(to, error)
        self._take_batches(opened)

    def tick(self) -> None:
        """Pass on what waits and what is due; call it several times a second."""
        now = self._clock.now()
        if self._powers.speaks():
            if not self._admitted:
                self._admit_everybody(now)
            self._pass_on(now)
            self._tell_heads(now)
        else:
            self._memory.heads.clear()  # whoever speaks again says everything anew
        self._tell_zones(now)

    def snapshot(self, envelope: bytes) -> bytes:
        """The whole rule set of the controller that signed this request, as the bytes of a SQLite file.

        Raises:
            AldabaError: it is no request of a controller in use, or an old or repeated one.
        """
        with self._database.write() as db:
            return answer_request(db, self._keys.working, envelope, self._clock.now())

    def _take_batches(self, opened: Sequence[Opened]) -> None:
        """Commit lines together; controllers in one order, so that two processes never wait for each other."""
        if not opened:
            return
        refused: list[tuple[str, AldabaError]] = []
        kept: list[tuple[Controller, Taken]] = []
        told: list[News] = []
        presence = GatheredMoves()
        with self._database.write() as db:
            for sender, batches in self._by_sender(db, opened, refused):
                work = self._work(db, sender)
                for run in runs(batches):
                    taken = ingest.take_run(work, sender, run, presence)
                    kept.append((sender, taken))
                    told += news.of_lines(work, sender, taken) if self._hub.watched else []
            presence.finish()
        for sender, taken in kept:
            self._taken(sender, taken)
        self._hub.tell(told)
        for to, error in refused:
            self._refuse(to, error)

    def _taken(self, sender: Controller, taken: Taken) -> None:
        """Answer what is committed, and say that there is something to look at."""
        if taken.answer:
            self._answer(sender, taken.answer)
        if any(line.zone or line.kind == PASSED for _, line in taken.lines):
            self._memory.moved.add((_scope(sender), sender.site))
        if taken.lines or taken.forked:
            self._live.tell(sender.site)

    def _take_hello(self, site: SiteId, controller: ControllerId, envelope: bytes) -> None:
        with self._database.write() as db:
            sender = self._sender(db, site, controller, Kind.HELLO)
            hello = unseal(Kind.HELLO, CLOUD, envelope, self._ring(sender), Hello)
            work = self._work(db, sender)
            answer = ingest.take_hello(work, sender, hello, self._presence)
            if answer:
                restored.heard(work, sender, hello, self._keyring)
            state = self._state(work, sender)
            told = [news.rules_of(known)] if (known := store.find_controller(work, sender.id)) else []
        if answer:
            self._answer(sender, answer)
            self._emit([state])
        self._memory.moved.add((work.scope, sender.site))
        self._live.tell(sender.site)
        self._hub.tell(told)

    def _answer(self, sender: Controller, answer: Ack | Resend) -> None:
        kind = Kind.ACK if isinstance(answer, Ack) else Kind.RESEND
        self._emit([self._down(sender.site, sender.id, kind, answer)])

    def _sender(self, db: Connection, site: SiteId, controller: ControllerId, kind: Kind) -> Controller:
        found = store.find_sender(db, controller)
        if found is None or found.site != site:
            raise EnvelopeRefused(kind, NOT_PAIRED)
        return found

    def _by_sender(
        self, db: Connection, opened: Sequence[Opened], refused: list[tuple[str, AldabaError]]
    ) -> Iterable[tuple[Controller, list[Batch]]]:
        """Each sender with the batches that make sense; the others are refused before anything is written."""
        for where in sorted({one.where for one in opened}):
            sender = store.find_sender(db, where.controller)
            batches = []
            for one in opened:
                if one.where == where:
                    try:
                        batches.append(self._checked(sender, one))
                    except AldabaError as error:
                        refused.append((one.to, error))
            if sender is not None and batches:
                yield sender, batches

    def _checked(self, sender: Controller | None, one: Opened) -> Batch:
        if sender is None or sender.site != one.where.site:
            raise EnvelopeRefused(Kind.BATCH, NOT_PAIRED)
        if self._ring(sender) is not one.ring:
            raise EnvelopeRefused(Kind.BATCH, "the controller was paired anew while it was read")
        ingest.check(sender, one.batch)
        return one.batch

    def _opened(self, to: str, where: Address, envelope: bytes) -> Opened:
        """A batch, and the keys that opened it; who takes it must see that they are still the sender's.

        Keys that are known already are tried without asking the database.
        """
        known = self._memory.rings.get(where.controller)
        if known is not None:
            with suppress(EnvelopeRefused):
                return Opened(to, where, unseal(Kind.BATCH, CLOUD, envelope, known[1], Batch), known[1])
        with self._database.read() as db:
            ring = self._ring(self._sender(db, where.site, where.controller, Kind.BATCH))
        return Opened(to, where, unseal(Kind.BATCH, CLOUD, envelope, ring, Batch), ring)

    def _ring(self, sender: Controller) -> KeyRing:
        known = self._memory.rings.get(sender.id)
        if known is None or known[0] != sender.public_key:
            known = (sender.public_key, ring_of(sender))
            self._memory.rings[sender.id] = known
        return known[1]

    def _work(self, db: Connection, sender: Controller) -> Work:
        return Work(db, _scope(sender), self._clock.now(), actor=sender.id)

    def _refuse(self, to: str, error: AldabaError) -> None:
        """Say so once a minute for each sender and reason: whoever floods us must not fill our disk too."""
        now = self._clock.now()
        why = error.why if isinstance(error, EnvelopeRefused | Malformed | BatchRefused) else error.code
        said = self._memory.refused.get((to, error.code))
        if said is not None and now - said < REFUSED_AGAIN:
            return
        if len(self._memory.refused) > 1000:  # noqa: PLR2004 - a bound, not a rule
            self._memory.refused.clear()
        self._memory.refused[to, error.code] = now
        log.warning("message_refused", topic=to[:200], code=error.code, why=why[:200])
        try:
            where = address(to)
        except Malformed:
            return
        with self._database.write() as db:
            sender = store.find_sender(db, where.controller)
            if sender is not None and sender.site == where.site:
                ingest.alarm(self._work(db, sender), sender, "message_refused", what=error.code, why=why[:200])

    def _pass_on(self, now: datetime) -> None:
        with self._database.read() as db:
            if not outbox.waiting(db, (*PASSED_ON, RIGHTS_CHANGED), 1):
                return
        with self._database.write() as db:
            publish.publish_changed(db, self._keyring, now)
            waiting = outbox.waiting(db, PASSED_ON)
            outgoing = [message for one in waiting for message in self._messages(db, one, now)]
            outbox.mark_told(db, [one.id for one in waiting], now)
        self._emit(outgoing)
        if any(one.kind == service.RETIRED for one in waiting):
            self._write_revocations(now)

    def _admit_everybody(self, now: datetime) -> None:
        """Once, after a start: the broker's file may be another one than we left."""
        if self._powers.accounts is not None:
            with self._database.read() as db:
                sites = sorted({one.site for one in store.every_controller(db)})
                told = [Outgoing(CONTROL, message) for message in self._powers.accounts.everybody(db)]
                self._emit([*told, *(message for one in sites for message in self._at_site(db, one))])
            self._write_revocations(now)
        self._admitted = True

    def _write_revocations(self, now: datetime) -> None:
        if self._powers.accounts is not None:
            with self._database.read() as db:
                self._powers.accounts.write_revocations(db, now)

    def _messages(self, db: Connection, one: outbox.Waiting, now: datetime) -> Iterable[Outgoing]:
        work = Work(db, Scope(one.network, frozenset({one.site})), now)
        if one.kind == pairing.PAIRED:
            publish.publish(work, one.site, self._keyring, controller_keys(work, self._keyring))
            if self._powers.accounts is not None:
                yield from (
                    Outgoing(CONTROL, message)
                    for message in self._powers.accounts.admitted(db, ControllerId(one.subject))
                )
                yield from self._at_site(db, one.site)
            return
        if one.kind == service.RETIRED:
            yield from self._retired(work, one.site, ControllerId(one.subject))
            return
        controller = store.find_controller(work, ControllerId(one.subject))
        if controller is None or controller.retired_at is not None:
            return
        if one.kind == service.COMMANDED:
            yield from self._command(controller, one, now)
            return
        delta = publish.newest_delta(work, controller.id) if one.kind == publish.PUBLISHED else None
        if delta is not None and delta.head.version == one.body.get("version"):
            yield self._down(controller.site, controller.id, Kind.DELTA, delta)
        yield self._state(work, controller)

    def _retired(self, work: Work, site: SiteId, controller: ControllerId) -> Iterable[Outgoing]:
        """End its session, take back what the broker retains of it, and have its peers forget its key."""
        if self._powers.accounts is not None:
            yield Outgoing(CONTROL, self._powers.accounts.expelled(controller))
            yield from self._at_site(work.db, site)
        for channel in (Channel.STATE, Channel.PRESENCE):
            yield Outgoing(topic(site, controller, channel), b"", retain=True)
        publish.publish(work, site, self._keyring, controller_keys(work, self._keyring))

    def _at_site(self, db: Connection, site: SiteId) -> Iterable[Outgoing]:
        """Have the broker of the site's own, if it has one, know its controllers."""
        if self._powers.accounts is not None:
            yield Outgoing(accounts_topic(site), self._powers.accounts.at_site(db, site), retain=True)

    def _command(self, controller: Controller, one: outbox.Waiting, now: datetime) -> Iterable[Outgoing]:
        body = one.body
        expires_at = datetime.fromisoformat(str(body["expires_at"]))
        if expires_at > now:
            command = Command(
                id=str(body["id"]),
                controller=controller.id,
                door=DoorId(str(body["door"])),
                verb=str(body["verb"]),
                hello_nonce=bytes.fromhex(str(body["hello_nonce"])),
                counter=int(str(body["counter"])),
                expires_at=expires_at,
                holder=HolderId(str(body["holder"])) if "holder" in body else None,
            )
            yield self._down(controller.site, controller.id, Kind.COMMAND, command)

    def _state(self, work: Work, controller: Controller) -> Outgoing:
        """The retained state of a controller: head, modes and key list together, all signed."""
        self._memory.heads[controller.id] = work.now
        envelopes = {Kind.KEYS: self._keys.keys}
        if not _modes_held(work, controller.id):
            counter, said = store.modes_counter(work, controller.id), service.modes_said(work, controller.id)
            modes = Modes(controller.id, counter, work.now, said)
            envelopes[Kind.MODES] = self._seal(Kind.MODES, controller.id, modes)
        head = publish.head_now(work, controller.id)
        if head is not None:
            envelopes[Kind.HEAD] = self._seal(Kind.HEAD, controller.id, head)
        return Outgoing(topic(controller.site, controller.id, Channel.STATE), pack(envelopes), retain=True)

    def _tell_heads(self, now: datetime) -> None:
        """Sign every head again each minute: its age is the door's distance from us."""
        if min(self._memory.heads.values(), default=now) > now - HEAD_EVERY and self._memory.heads:
            return
        outgoing = []
        with self._database.read() as db:
            for controller in store.every_controller(db):
                said = self._memory.heads.get(controller.id)
                if said is None or now - said >= HEAD_EVERY:
                    outgoing.append(self._state(self._work(db, controller), controller))
            in_use = {controller.id for controller in store.every_controller(db)}
        self._memory.heads = {one: at for one, at in self._memory.heads.items() if one in in_use}
        self._emit(outgoing)

    def _tell_zones(self, now: datetime) -> None:
        """Draw zones that moved at most ten times a second, and all of them now and then, because stays end."""
        memory = self._memory
        if not self._hub.watched or now - memory.drawn_at < ZONES_EVERY:
            return
        with self._database.read() as db:
            if now - memory.drawn_at >= REDRAW_EVERY:
                memory.moved |= {
                    (Scope(one.network, frozenset({one.site})), one.site) for one in store.every_controller(db)
                }
            if not memory.moved:
                return
            told = [one for scope, site in memory.moved for one in news.of_zones(Work(db, scope, now), site)]
        memory.drawn_at = now
        memory.moved.clear()
        changed = [one for one in told if memory.zones.get(one.key) != one.body]
        memory.zones |= {one.key: one.body for one in told}
        self._hub.tell(changed)

    def _down(self, site: SiteId, controller: ControllerId, kind: Kind, body: object) -> Outgoing:
        return Outgoing(topic(site, controller, Channel.DOWN), pack({kind: self._seal(kind, controller, body)}))

    def _seal(self, kind: Kind, controller: ControllerId, body: object) -> bytes:
        return seal(kind, controller, body, self._keys.working)

    def _emit(self, outgoing: Sequence[Outgoing]) -> None:
        for one in outgoing:
            self._send(one.to, one.payload, retain=one.retain)


def _scope(sender: Controller) -> Scope:
    return Scope(sender.network, frozenset({sender.site}))


def _modes_held(work: Work, controller: ControllerId) -> bool:
    """After a restore doors keep their modes until somebody sets others: those of the copy may be old."""
    if controller not in store.held_since(work):
        return False
    known = store.find_controller(work, controller)
    return known is not None and known.modes_counter == known.modes_confirmed


def ring_of(controller: Controller) -> KeyRing:
    """What a controller's key may sign."""
    return KeyRing([WorkingKey(controller.kid, controller.public_key, UP_KINDS)])
