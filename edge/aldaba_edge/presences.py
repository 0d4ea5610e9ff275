"""Who this controller believes is where: its own movements and its peers', kept over a restart.

Own movements are lines of the journal, so a restart needs only a checkpoint and
the lines after it. What peers saw comes as signed, retained news and merges in
any order; what is ours is published the same way. What
was used (`uses`) travels in the same news.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

import structlog
from msgspec import Struct

from aldaba_edge.devices import Alarmed
from aldaba_edge.journal import SqliteJournal
from aldaba_edge.peer_news import PeerNews
from aldaba_edge.peers_now import HEARTBEAT_SECONDS, PeersNow
from aldaba_edge.ports import Clock, Timer
from aldaba_edge.state import Slot, State
from aldaba_edge.trust import OutOfDate, Trust
from aldaba_edge.uses import Uses
from aldaba_shared.envelope import EnvelopeRefused, KeyRing, kid_of, seal, unseal
from aldaba_shared.ids import ControllerId, DoorId, HolderId, ZoneId
from aldaba_shared.messages import Kind, PresenceNews
from aldaba_shared.movements import stays_made
from aldaba_shared.presence import Order, Presence, Stay, is_unnamed
from aldaba_shared.wire import Malformed

log = structlog.get_logger()

NEWS_SECONDS: Final = 0.2
"""Movements of so long go into one piece of news."""
KEEP_SECONDS: Final = 1.0
"""How far each peer was believed is written down so long after; a crash in between lets news be replayed that is
older by as much, which whoever delays news can do anyway."""
CHECKPOINT_EVERY: Final = 200
PLAUSIBLE_YEARS: Final = frozenset(range(1900, 9001))
"""In these a moment can have hours added and be put on any wall clock; without a battery it is 1970."""
TOLD_FOR: Final = timedelta(hours=36)
"""Stays older than this have ended on every policy there is; peers need not hear of them."""


STRANGER_SECONDS: Final = 60.0
"""How long a peer may be unknown before its news counts as forged: rules follow a pairing within seconds."""

MOST_STRANGERS: Final = 64

LATE_SECONDS: Final = timedelta(seconds=60)
"""News this much older than the news known came late; older still, it was kept and sent again by somebody."""


class Kept(Struct, frozen=True):
    """A checkpoint of presence: all stays known once the journal had come to this line."""

    journal: str
    sequence: int
    stays: dict[HolderId, Stay]


class Heard(Struct, frozen=True):
    """The last news believed of a peer."""

    journal: str
    counter: int
    at: datetime


class PeerPresences:
    """Satisfies `Presences`; `publish` sends an envelope as this controller's retained news.

    `peers` gives the keys the rules in force name; a key list of the root may name more.
    """

    def __init__(
        self,
        journal: SqliteJournal,
        state: State,
        trust: Trust,
        clock: Clock,
        *,
        uses: Uses,
        peers: Callable[[], KeyRing],
        publish: Callable[[bytes], None],
        refused: Callable[[str, str], None],
    ) -> None:
        self.peers_now = PeersNow(ControllerId(trust.controller), clock)
        self.own_doors: Callable[[], dict[DoorId, bool]] = dict
        self.asked_for: Callable[[], bool] = lambda: False
        self.catching_up: Callable[[], bool] = lambda: False
        self.moved: list[Callable[[], None]] = []
        self._news = PeerNews(clock, self.hear, refused, self._busy)
        self._keeping: Timer | None = None
        self._doors_told: dict[DoorId, bool] = {}
        self._heartbeat = Alarmed(clock)
        self._uses = uses
        uses.on_change(self._tell_soon)
        self._peers = peers
        self._refused = refused
        self._strangers: dict[bytes, bytes] = {}
        self._journal = journal
        self._state = state
        self._trust = trust
        self._clock = clock
        self._publish = publish
        self._timer: Timer | None = None
        self._moves = 0
        self._heard = state.get(Slot.PEER_COUNTERS, dict[str, Heard]) or {}
        self._stays: dict[HolderId, Stay] = self._replayed()

    def _busy(self) -> bool:
        return self.catching_up()

    def stays(self) -> Presence:
        """The stays known now."""
        return self._stays

    def move(self, holder: HolderId, zone: ZoneId, order: Order) -> None:
        """Take a movement of our own into account, and tell the peers soon."""
        if not self._moved(self._stays, holder, zone, order):
            return
        self._moves += 1
        if self._moves >= CHECKPOINT_EVERY:
            self.checkpoint()
        self._tell_soon()
        self._changed()

    def apart(self, controllers: Collection[ControllerId]) -> bool:
        """Whether any of these controllers, this one apart, cannot be heard."""
        return self.peers_now.apart(controllers)

    def door_secured(self, door: DoorId) -> bool | None:
        """Whether a door of this site is secured; None while nobody who knows can be heard."""
        mine = self.own_doors()
        return mine[door] if door in mine else self.peers_now.door_secured(door)

    def doors_changed(self) -> None:
        """A door of ours was released, secured, opened or shut: peers with an interlock hear of it at once."""
        if self.asked_for() and self.own_doors() != self._doors_told:
            self.tell()

    def _changed(self) -> None:
        for watcher in self.moved:
            watcher()

    def _tell_soon(self) -> None:
        if self._timer is None:
            self._timer = self._clock.call_later(NEWS_SECONDS, self.tell)

    def arrived(self, teller: ControllerId, envelope: bytes) -> None:
        """Take what came on a peer's topic: read at once, or in its turn where much comes together."""
        self._news.arrived(teller, envelope)

    def hear(self, envelope: bytes) -> bool:
        """Take a peer's news into account; False when it must be looked at again, because nobody knows its signer yet.

        Raises:
            EnvelopeRefused: no peer of this site signed it, or it speaks for another one.
            OutOfDate: older than the news known of that peer, or of no time a clock could show.
        """
        kid = kid_of(Kind.PRESENCE, envelope)
        peers = self._peers()
        ring = peers if peers.knows(kid) else self._trust.ring
        if not ring.knows(kid) and len(self._strangers) < MOST_STRANGERS:
            self._wait_for(kid, envelope)
            return False
        news = unseal(Kind.PRESENCE, self._trust.site, envelope, ring, PresenceNews)
        signer = kid.partition(b"/")[0]
        if signer != news.controller.encode():
            raise EnvelopeRefused(Kind.PRESENCE, "its signer speaks for another controller")
        if {stay.order.controller for _, stay in news.stays} - {news.controller}:
            raise EnvelopeRefused(Kind.PRESENCE, "it tells of movements at another controller")
        if {stay.since.year for _, stay in news.stays} - PLAUSIBLE_YEARS:
            raise OutOfDate(Kind.PRESENCE, "implausible_time", "it tells of a movement at the edge of time")
        newer = self._newer(news)
        if newer or self.peers_now.unknown(news.controller):
            # After a kill news may be known by its counter only: what it told had not been kept.
            self.peers_now.heard(news)
            self._merge(news)
        if newer:
            self._believe(news)
        return True

    def _merge(self, news: PresenceNews) -> None:
        for holder, stay in news.stays:
            known = self._stays.get(holder)
            if known is None or known.order < stay.order:
                self._stays[holder] = stay
        self._uses.hear(news.controller, news.used)
        self._changed()

    def _believe(self, news: PresenceNews) -> None:
        self._heard[news.controller] = Heard(news.journal, news.counter, news.at)
        if self._keeping is None:
            self._keeping = self._clock.call_later(KEEP_SECONDS, self._keep_counters)

    def _keep_counters(self) -> None:
        """Write down whom we believed how far: once for all who spoke in the last second, not for each of them."""
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None
            self._state.put(Slot.PEER_COUNTERS, self._heard)

    def _wait_for(self, kid: bytes, envelope: bytes) -> None:
        """Look at a stranger's news again later: a peer's first word may come before the rules that name it."""
        if kid not in self._strangers:
            self._clock.call_later(STRANGER_SECONDS, lambda: self._look_again(kid))
        self._strangers[kid] = envelope

    def _look_again(self, kid: bytes) -> None:
        envelope = self._strangers.pop(kid)
        if not (self._peers().knows(kid) or self._trust.ring.knows(kid)):
            self._refused(Kind.PRESENCE, EnvelopeRefused.code)
            return
        try:
            self.hear(envelope)
        except (EnvelopeRefused, OutOfDate, Malformed) as error:
            self._refused(Kind.PRESENCE, error.code)

    def _newer(self, news: PresenceNews) -> bool:
        """False for the very news already known, which brokers repeat, and for news that only came late."""
        known = self._heard.get(news.controller)
        if known is None:
            return True
        same_journal = known.journal == news.journal
        if same_journal and known.counter == news.counter:
            return False
        newer = news.counter > known.counter if same_journal else news.at > known.at
        if not newer and known.at - news.at < LATE_SECONDS:
            # A retained copy may come after the live news that replaced it; it changes nothing and is nobody's attack.
            return False
        if not newer:
            raise OutOfDate(Kind.PRESENCE, "replayed", f"news {news.counter} of {news.controller} is old")
        return True

    def tell(self) -> None:
        """Publish where this controller last saw each holder, and what it saw used."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        me = self._trust.controller
        counter = (self._state.get(Slot.PRESENCE_COUNTER, int) or 0) + 1
        now = self._clock.now()
        stays = tuple(
            (holder, stay)
            for holder, stay in self._stays.items()
            if stay.order.controller == me and now - stay.since < TOLD_FOR
        )
        self._doors_told = self.own_doors() if self.asked_for() else {}
        doors = tuple(sorted(self._doors_told.items()))
        news = PresenceNews(ControllerId(me), self._journal.id, counter, now, stays, self._uses.told(), doors)
        envelope = seal(Kind.PRESENCE, self._trust.site, news, self._trust.own)
        self._state.put(Slot.PRESENCE_COUNTER, counter, then=lambda: self._publish(envelope))
        self._heartbeat.start(HEARTBEAT_SECONDS, self._still_here)

    def _still_here(self) -> None:
        """A rule that needs this controller would otherwise take its silence for a cut."""
        if self.asked_for():
            self.tell()
        else:
            self._heartbeat.start(HEARTBEAT_SECONDS, self._still_here)

    def stop(self) -> None:
        """Tell and hear no more."""
        self._heartbeat.stop()
        self._news.stop()
        self._keep_counters()

    def checkpoint(self) -> None:
        """Keep all stays, so that a restart reads only the lines after this one."""
        self._moves = 0
        self._forget_the_unnamed()
        self._state.put(Slot.PRESENCE, Kept(self._journal.id, self._journal.durable.sequence, self._stays))

    def _forget_the_unnamed(self) -> None:
        """Entries of people without a card are made anew by each; those that a night reset has ended need no room."""
        before = self._clock.now() - TOLD_FOR
        for holder in [one for one, stay in self._stays.items() if is_unnamed(one) and stay.since < before]:
            del self._stays[holder]

    def _replayed(self) -> dict[HolderId, Stay]:
        """The checkpoint, and the movements of the lines after it."""
        kept = self._state.get(Slot.PRESENCE, Kept)
        stays = dict(kept.stays) if kept is not None else {}
        first = kept.sequence + 1 if kept is not None and kept.journal == self._journal.id else 1
        for line in self._journal.file.events(first):
            order = Order(line.at, self._trust.controller, self._journal.id, line.sequence)
            for holder, stay in stays_made(line.event, order).items():
                self._moved(stays, holder, stay.zone, order)
        return stays

    @staticmethod
    def _moved(stays: dict[HolderId, Stay], holder: HolderId, zone: ZoneId, order: Order) -> bool:
        known = stays.get(holder)
        if known is not None and known.order >= order:
            return False
        stays[holder] = Stay(zone, order.at, order)
        return True
