"""Two controllers of one site, their own broker between them and the cloud gone: passback and capacity still hold."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from aldaba_edge.books import Books
from aldaba_edge.clock import HandClock
from aldaba_edge.core import Core, Ways, open_core
from aldaba_edge.inline import InlineBroker, InlineLink
from aldaba_edge.offline import NoSnapshots
from aldaba_edge.presences import Heard
from aldaba_edge.rules_file import verified_hash
from aldaba_edge.runner import InlineRunner
from aldaba_edge.state import SOON_SECONDS, Slot, peek
from aldaba_shared.decide import Decision, DoorNow, Notice, Passback, Presented, Side, decide
from aldaba_shared.envelope import SigningKey
from aldaba_shared.events import MessageRefused, Passed
from aldaba_shared.ids import ControllerId, CredentialId, DoorId, HolderId, RightId, ZoneId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.messages import Kind
from aldaba_shared.presence import STREET, Order, PresenceRules, Zone, occupancy, seen_by
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential, Facts, Right
from aldaba_shared.schedule import always
from tests.edge.places import DOWN, ME, PEER, SITE, START, Keys, books_in

FLOOR = ZoneId("floor")
LIMIT = 3
RULES = PresenceRules({FLOOR: Zone(FLOOR, counted=True, safety_limit=LIMIT, passback=Passback.HARD)}, "UTC")
SOFT = PresenceRules({FLOOR: Zone(FLOOR, passback=Passback.SOFT)}, "UTC")
ANYTIME = Right(RightId("r"), always("UTC"), START - timedelta(days=1))


@dataclass
class Door:
    """A controller with one door into the floor and one tap after another."""

    id: ControllerId
    key: SigningKey
    folder: Path
    clock: HandClock
    broker: InlineBroker
    keys: Keys
    books: Books = field(init=False)
    link: InlineLink = field(init=False)
    core: Core = field(init=False)

    def start(self) -> "Door":
        listed = [self.keys.cloud.public(*DOWN), *(key.public(Kind.PRESENCE) for key in (self.keys.me, self.keys.peer))]
        identity = self.keys.identity()
        answer = replace(
            identity.answer,
            controller=self.id,
            kid=self.key.kid,
            keys=self.keys.key_list(1, *listed),
            doors=(self.door,),
        )
        self.books = books_in(self.folder, self.clock)
        self.link = InlineLink(self.broker, (f"aldaba/1/{SITE}/{self.id}/down", f"aldaba/1/{SITE}/+/presence"))
        ways = Ways(self.link, NoSnapshots(), InlineRunner(self.clock.post), verified_hash)
        identity = replace(identity, answer=answer, private_key=self.key.private_bytes())
        self.core = open_core(self.folder, self.books, identity, self.clock, ways, software="test")
        self.core.start()
        self.clock.settle()
        return self

    @property
    def door(self) -> DoorId:
        return DoorId(f"door of {self.id}")

    def stop(self) -> None:
        self.core.stop()
        self.books.close()

    def tap(self, who: str, side: Side = Side.IN, rules: PresenceRules = RULES) -> Decision:
        """A card is shown, and whoever is let through walks through."""
        holder, now = HolderId(who), self.clock.now()
        seen = seen_by(self.core.presences.stays(), holder, FLOOR, rules, now)
        facts = Facts(Credential(CredentialId(who), holder, CredentialKind.UID), (ANYTIME,))
        decision = decide(
            Presented(self.door, side, CredentialKind.UID, now), facts, seen, DoorNow(rules_issued_at=now)
        )
        if decision.granted:
            zone = FLOOR if side is Side.IN else STREET
            sequence = self.books.journal.record(Passed(self.door, side, holder, zone))
            self.core.presences.move(holder, zone, Order(now, self.id, self.books.journal.id, sequence))
        return decision

    def inside(self) -> int:
        return occupancy(self.core.presences.stays(), FLOOR, RULES, self.clock.now())

    def alarms(self) -> list[MessageRefused]:
        return [line.event for line in self.books.journal.file.events() if isinstance(line.event, MessageRefused)]


@dataclass
class Site:
    """Two doors and their clock; there is no cloud in it at all."""

    clock: HandClock
    one: Door
    two: Door

    def soon(self) -> None:
        """Long enough for news to be told and heard."""
        self.clock.advance(1)


@contextmanager
def two_doors(tmp_path: Path) -> Iterator[Site]:
    """A site of two controllers; whoever uses it stops what still runs."""
    clock, keys = HandClock(START), Keys()
    broker = InlineBroker(clock.post)
    doors = [
        Door(name, key, tmp_path / name, clock, broker, keys).start()
        for name, key in ((ME, keys.me), (PEER, keys.peer))
    ]
    yield Site(clock, *doors)
    for door in doors:
        door.stop()


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[Site]:
    with two_doors(tmp_path) as site:
        yield site


def test_who_came_in_by_one_door_may_not_come_in_by_the_other_until_they_left(site: Site) -> None:
    assert site.one.tap("ana").granted
    site.soon()
    assert site.two.tap("ana").reason is Reason.PASSBACK
    assert site.two.tap("ana", Side.EGRESS).granted
    site.soon()
    assert site.one.tap("ana").granted
    assert site.one.alarms() == site.two.alarms() == []


def test_soft_passback_lets_in_at_the_other_door_and_says_so(site: Site) -> None:
    site.one.tap("ana", rules=SOFT)
    site.soon()
    again = site.two.tap("ana", rules=SOFT)
    assert again.granted
    assert Notice.PASSBACK_SOFT in again.notices


@pytest.mark.feature(1)
def test_capacity_holds_across_doors_and_a_place_that_is_left_is_free_at_both(site: Site) -> None:
    entered = []
    for number in range(8):
        door = (site.one, site.two)[number % 2]
        entered.append(door.tap(f"h{number}").reason)
        site.soon()
        assert site.one.inside() == site.two.inside() <= LIMIT
    assert entered == [Reason.GRANTED] * LIMIT + [Reason.ZONE_FULL] * 5
    assert site.two.tap("h0", Side.EGRESS).granted
    site.soon()
    assert site.one.tap("h9").granted


def test_taps_in_flight_may_overshoot_by_themselves_and_no_more(site: Site) -> None:
    for number in range(LIMIT - 1):
        site.one.tap(f"h{number}")
    site.soon()
    assert site.one.tap("at one").granted
    assert site.two.tap("at two").granted, "the news of the other tap is on its way"
    site.soon()
    assert site.one.inside() == site.two.inside() == LIMIT + 1
    assert site.one.tap("late").reason is Reason.ZONE_FULL
    assert site.two.tap("late").reason is Reason.ZONE_FULL


def test_apart_each_door_holds_what_it_knows_and_together_again_both_know_all(site: Site) -> None:
    site.one.tap("ana")
    site.soon()
    site.two.link.cut()
    site.soon()
    assert site.two.tap("ana").reason is Reason.PASSBACK, "what was heard before still counts"
    assert site.one.tap("bea").granted
    site.soon()
    assert site.two.tap("bea").granted, "declared: nobody is kept out for what a door cannot know"
    assert [site.two.tap(f"h{n}").reason for n in range(3)] == [Reason.GRANTED, Reason.ZONE_FULL, Reason.ZONE_FULL]
    site.one.tap("ana", Side.EGRESS)
    site.clock.advance(3600)
    site.two.link.join()
    site.soon()
    assert site.one.core.presences.stays() == site.two.core.presences.stays()
    assert site.one.inside() == 2
    assert site.two.tap("ana").granted, "she left while the doors were apart"
    assert site.one.alarms() == site.two.alarms() == []


def test_a_door_that_was_killed_hears_again_from_the_broker_what_it_had_not_kept(site: Site) -> None:
    site.one.tap("ana")
    site.clock.advance(SOON_SECONDS + 1)
    site.two.stop()
    path = site.two.folder / "state.db"
    assert peek(path, Slot.PEER_COUNTERS, dict[str, Heard])
    with closing(sqlite3.connect(path)) as state, state:
        # As before the first checkpoint.
        state.execute("DELETE FROM kept WHERE name = ?", (Slot.PRESENCE.value,))
    site.two.start()
    site.soon()
    assert site.two.tap("ana").reason is Reason.PASSBACK


def test_a_door_that_restarts_without_a_cloud_knows_from_disk_and_broker_who_is_in(site: Site) -> None:
    site.one.tap("ana")
    site.two.tap("bea")
    site.soon()
    site.two.stop()
    site.one.tap("eva")
    site.soon()
    site.two.start()
    site.soon()
    assert site.two.inside() == LIMIT
    assert site.two.tap("ana").reason is Reason.PASSBACK
    assert site.two.tap("new").reason is Reason.ZONE_FULL
