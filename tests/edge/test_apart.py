"""Three real edge cores of one site, their broker cut and healed: passback, limits and interlocks, as declared."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from aldaba_edge.clock import HandClock
from aldaba_edge.core import Core, Ways, open_core
from aldaba_edge.inline import InlineBroker, InlineLink
from aldaba_edge.offline import NoSnapshots
from aldaba_edge.peers_now import SILENT_SECONDS
from aldaba_edge.rules_file import verified_hash
from aldaba_edge.runner import InlineRunner
from aldaba_shared.decide import Decision, Notice, Passback, Side
from aldaba_shared.door_rules import Apart, DoorRules
from aldaba_shared.envelope import SigningKey
from aldaba_shared.ids import ControllerId, CredentialKey, DoorId, HolderId
from aldaba_shared.messages import Kind
from aldaba_shared.presence import PresenceRules, Zone
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import MemoryRules
from tests.edge.door_fakes import ANA_CARD, FLOOR, STREET_DOOR, Bench, FakeRules
from tests.edge.places import DOWN, SITE, START, Keys, books_in

NAMES = tuple(ControllerId(f"controller-{number}") for number in range(3))


@dataclass
class Corner:
    """A controller with a real core and a real door loop, on fakes of metal."""

    bench: Bench
    core: Core
    link: InlineLink

    def enters(self, key: CredentialKey = ANA_CARD) -> Decision:
        self.bench.tap(key)
        return self.decided()

    def leaves(self, key: CredentialKey = ANA_CARD) -> Decision:
        self.bench.tap(key, side=Side.EGRESS)
        return self.decided()

    def decided(self) -> Decision:
        """The last answer in its books."""
        journal = self.core.sync.uplink._journal  # noqa: SLF001 - the books of this core, read as they were written
        return next(
            line.event.decision for line in reversed(list(journal.file.events())) if hasattr(line.event, "decision")
        )


@dataclass
class Site:
    clock: HandClock
    corners: tuple[Corner, ...]

    def soon(self) -> None:
        self.clock.advance(1)

    def silence(self) -> None:
        """Long enough for those who cannot hear each other to know it, with fresh rules throughout."""
        for _ in range(round(SILENT_SECONDS / 60) + 1):
            self.clock.advance(60)
            self.fresh()

    def fresh(self) -> None:
        for corner in self.corners:
            rules = corner.bench.rules
            assert rules.head is not None
            rules.head = replace(rules.head, issued_at=self.clock.now())


@contextmanager
def three_corners(folder: Path, zone: Zone) -> Iterator[Site]:
    clock, keys = HandClock(START), Keys()
    broker = InlineBroker(clock.post)
    own = {name: SigningKey.generate(name.encode()) for name in NAMES}
    listed = keys.key_list(1, keys.cloud.public(*DOWN), *(key.public(Kind.PRESENCE) for key in own.values()))
    corners = []
    for name, key in own.items():
        identity = keys.identity()
        answer = replace(identity.answer, controller=name, kid=key.kid, keys=listed)
        identity = replace(identity, answer=answer, private_key=key.private_bytes())
        books = books_in(folder / name, clock)
        link = InlineLink(broker, (f"aldaba/1/{SITE}/{name}/down", f"aldaba/1/{SITE}/+/presence"))
        ways = Ways(link, NoSnapshots(), InlineRunner(clock.post), verified_hash)
        core = open_core(folder / name, books, identity, clock, ways, software="test")
        core.presences.asked_for = lambda: True
        bench = Bench(clock=clock, books=books, of=(name, core.presences))
        bench.rules.presence = PresenceRules({FLOOR: zone}, "UTC")
        everybody(bench.rules)
        core.start()
        corners.append(Corner(bench, core, link))
    site = Site(clock, tuple(corners))
    site.fresh()
    site.soon()
    yield site
    for corner in corners:
        corner.core.stop()


def everybody(rules: FakeRules) -> None:
    """Ten cards more that open."""
    facts = rules.known.facts(STREET_DOOR, ANA_CARD)
    assert facts.credential is not None
    people = {card(number): replace(facts.credential, holder=HolderId(f"p{number}")) for number in range(10)}
    rights = [(STREET_DOOR, one.holder, facts.rights[0]) for one in (*people.values(), facts.credential)]
    rules.known = MemoryRules({ANA_CARD: facts.credential, **people}, rights)


def secured(corner: Corner, door: DoorId) -> dict[DoorId, bool]:
    return {door: corner.bench.mechanics.secured}


def card(number: int) -> CredentialKey:
    return CredentialKey(bytes([number]) * 32)


def hard(apart: Apart) -> Zone:
    return Zone(FLOOR, counted=True, passback=Passback.HARD, controllers=NAMES, apart=apart)


@pytest.mark.parametrize("apart", list(Apart))
def test_passback_holds_across_three_doors_and_does_as_declared_when_cut(tmp_path: Path, apart: Apart) -> None:
    with three_corners(tmp_path, hard(apart)) as site:
        one, two, three = site.corners
        assert one.enters().granted
        site.soon()
        assert two.enters().reason is Reason.PASSBACK
        assert three.enters().reason is Reason.PASSBACK

        three.link.cut()
        cut_off = three.enters()
        assert cut_off.granted is (apart is Apart.SOFTEN)
        assert (Notice.PRESENCE_APART in cut_off.notices) is cut_off.granted
        assert two.enters().reason is Reason.PASSBACK, "the others still hear the door that is counted on"
        site.silence()
        assert two.enters().granted is (apart is Apart.SOFTEN), "now they know that one door is missing"

        three.link.join()
        site.soon()
        assert two.enters().reason is Reason.PASSBACK
        assert three.enters().reason is Reason.PASSBACK
        assert two.leaves().granted
        site.soon()
        assert three.enters().granted


def test_a_limit_goes_on_with_the_last_that_was_heard_and_is_whole_again_once_healed(tmp_path: Path) -> None:
    zone = Zone(FLOOR, counted=True, passback=Passback.OFF, safety_limit=3, controllers=NAMES)
    with three_corners(tmp_path, zone) as site:
        one, two, three = site.corners
        assert one.enters(card(0)).granted
        assert two.enters(card(1)).granted
        site.soon()
        three.link.cut()
        assert Notice.PRESENCE_APART in three.enters(card(2)).notices
        assert three.enters(card(3)).reason is Reason.ZONE_FULL
        assert one.enters(card(4)).granted, "it cannot know of the third: the overshoot is the taps at the other part"
        three.link.join()
        site.soon()
        assert all(corner.enters(card(5)).reason is Reason.ZONE_FULL for corner in site.corners)


def test_an_interlock_across_controllers_hears_the_other_door_at_once_and_refuses_unheard(tmp_path: Path) -> None:
    with three_corners(tmp_path, Zone(FLOOR, passback=Passback.OFF)) as site:
        one, two, _ = site.corners
        inner, outer = DoorId("inner"), DoorId("outer")
        for corner, mine, other in ((one, outer, inner), (two, inner, outer)):
            corner.bench.rules.door = DoorRules(interlock_with=(other,))
            corner.core.presences.own_doors = partial(secured, corner, mine)
            corner.core.presences.doors_changed()
        site.soon()
        assert one.enters().granted
        site.clock.advance(0.2)
        assert two.enters().reason is Reason.INTERLOCKED
        site.clock.advance(10)
        assert two.enters().granted
        site.clock.advance(10)
        one.link.cut()
        assert one.enters().reason is Reason.INTERLOCKED
        assert one.leaves().granted
