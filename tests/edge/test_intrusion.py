"""The intrusion alarm's output: armed once the last known person left, disarmed before the first comes in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from aldaba_edge.books import Books
from aldaba_edge.clock import HandClock
from aldaba_edge.devices import LockLine
from aldaba_edge.intrusion import Around, IntrusionAlarm
from aldaba_edge.writer import InlineWriter
from aldaba_shared.decide import Side
from aldaba_shared.events import DoorReleased, IntrusionArmed, IntrusionDisarmed, Passed
from aldaba_shared.ids import ControllerId, HolderId
from aldaba_shared.intrusion import Guard
from aldaba_shared.presence import STREET, Order, PresenceRules, Zone
from tests.edge.door_fakes import FLOOR, STREET_DOOR, FakeLock, FakePresences, FakeRules
from tests.edge.places import START, books_in

DELAY = 60.0


class Watch:
    """Nobody minds a broken output here."""

    def device_lost(self, device: str, why: str) -> None: ...

    def device_back(self, device: str) -> None: ...


@dataclass
class Floor:
    """A floor with an alarm; its books are real and can lose what was not yet on the disk."""

    folder: Path
    clock: HandClock = field(default_factory=lambda: HandClock(START))
    output: FakeLock = field(default_factory=FakeLock)
    free: bool = False
    presences: FakePresences = field(default_factory=FakePresences)
    books: Books = field(init=False)
    alarm: IntrusionAlarm = field(init=False)

    def start(self) -> "Floor":
        self.books = books_in(self.folder, self.clock)
        rules = FakeRules()
        rules.presence = PresenceRules(
            {FLOOR: Zone(FLOOR, counted=True, controllers=(ControllerId("c"), ControllerId("d")))}, "UTC"
        )
        self.presences = FakePresences()
        for line in self.books.journal.file.events():
            if isinstance(line.event, Passed) and line.event.holder and line.event.into:
                order = Order(line.at, "c", self.books.journal.id, line.sequence)
                self.presences.move(line.event.holder, line.event.into, order)
        self.output = FakeLock()
        around = Around(
            self.clock, self.books.journal, self.books.state, self.presences, rules, lambda _zone: self.free
        )
        self.alarm = IntrusionAlarm(FLOOR, DELAY, LockLine(self.output, self.clock, Watch()), around)
        self.alarm.start()
        self.clock.settle()
        return self

    @property
    def armed(self) -> bool:
        return self.output.released

    def comes(self, who: str) -> None:
        self.alarm.entering(STREET_DOOR, FLOOR, known=True)
        assert not self.armed, "disarmed before the door lets anybody through"
        self._walks(who, Side.IN)

    def leaves(self, who: str) -> None:
        self._walks(who, Side.EGRESS)

    def _walks(self, who: str, side: Side) -> None:
        into = FLOOR if side is Side.IN else STREET
        sequence = self.books.journal.record(Passed(STREET_DOOR, side, HolderId(who), into))
        self.presences.move(HolderId(who), into, Order(self.clock.now(), "c", self.books.journal.id, sequence))
        self.alarm.look()
        self.clock.settle()

    def crash(self) -> "Floor":
        """Everything that is not on the disk is gone; the output has no power."""
        assert isinstance(self.books.writer, InlineWriter)
        self.books.writer.cut()
        self.alarm.close()
        self.books.journal.close()
        return self.start()

    def inside(self) -> bool:
        return any(stay.zone == FLOOR for stay in self.presences.stays().values())

    def transitions(self) -> list[str]:
        kinds = (IntrusionArmed, IntrusionDisarmed)
        return [
            str(type(line.event).__struct_config__.tag)
            for line in self.books.journal.file.events()
            if isinstance(line.event, kinds)
        ]


@pytest.fixture(name="floor")
def _floor(tmp_path: Path) -> Floor:
    return Floor(tmp_path).start()


def test_it_arms_a_while_after_the_last_person_left_and_never_before_anybody_came(floor: Floor) -> None:
    floor.clock.advance(3600)
    assert not floor.armed, "whoever installed it may still be inside"
    floor.comes("ana")
    floor.comes("pau")
    floor.leaves("ana")
    floor.clock.advance(3600)
    assert not floor.armed
    floor.leaves("pau")
    floor.clock.advance(DELAY - 1)
    assert not floor.armed
    floor.clock.advance(2)
    assert floor.armed
    assert floor.transitions() == ["intrusion_armed"]


def test_the_first_to_come_disarms_it_before_the_door_lets_them_through(floor: Floor) -> None:
    floor.comes("ana")
    floor.leaves("ana")
    floor.clock.advance(DELAY + 1)
    floor.comes("pau")
    assert not floor.armed
    floor.clock.settle()
    assert floor.transitions() == ["intrusion_armed", "intrusion_disarmed"]


def test_who_comes_back_within_the_while_stops_it(floor: Floor) -> None:
    floor.comes("ana")
    floor.leaves("ana")
    floor.clock.advance(DELAY / 2)
    floor.comes("ana")
    floor.clock.advance(3600)
    assert not floor.armed
    assert floor.transitions() == []


def test_after_somebody_nobody_knows_was_let_in_it_waits_for_somebody_known_to_be_the_last(floor: Floor) -> None:
    floor.comes("ana")
    floor.leaves("ana")
    floor.clock.advance(DELAY + 1)
    floor.books.journal.record(DoorReleased(STREET_DOOR, "cloud"))
    floor.alarm.entering(STREET_DOOR, FLOOR, known=False)
    assert not floor.armed
    floor.clock.advance(7200)
    assert not floor.armed
    floor.comes("pau")
    floor.leaves("pau")
    floor.clock.advance(DELAY + 1)
    assert floor.armed


@pytest.mark.parametrize("doubt", ["a door stands unlocked", "a controller is not heard"])
def test_nobody_inside_is_not_believed_while_nobody_can_tell(floor: Floor, doubt: str) -> None:
    floor.comes("ana")
    if doubt.startswith("a door"):
        floor.free = True
    else:
        floor.presences.cut_off = True
    floor.leaves("ana")
    floor.clock.advance(3600)
    assert not floor.armed


@pytest.mark.parametrize("after_seconds", [0, 0.0005, 0.01, DELAY / 2, DELAY, DELAY + 0.0005, DELAY + 5])
def test_a_crash_anywhere_between_leaving_and_armed_ends_armed_once_and_in_the_books(
    floor: Floor, after_seconds: float
) -> None:
    floor.comes("ana")
    floor.leaves("ana")
    floor.clock.advance(0.01)
    floor.clock.advance(after_seconds)
    floor.crash()
    assert not floor.inside()
    floor.clock.advance(DELAY + 61)
    assert floor.armed
    assert floor.transitions()[-1] == "intrusion_armed"


def test_a_crash_between_disarming_and_coming_in_arms_nobody_in(floor: Floor) -> None:
    floor.comes("ana")
    floor.leaves("ana")
    floor.clock.advance(DELAY + 5)
    floor.comes("pau")
    floor.clock.advance(0.01)
    floor.crash()
    assert floor.inside()
    floor.clock.advance(3600)
    assert not floor.armed


STEPS: dict[str, Callable[[Floor], object]] = {
    "ana comes": lambda floor: floor.comes("ana"),
    "ana leaves": lambda floor: floor.leaves("ana"),
    "pau comes": lambda floor: floor.comes("pau"),
    "pau leaves": lambda floor: floor.leaves("pau"),
    "a while": lambda floor: floor.clock.advance(45),
    "a moment": lambda floor: floor.clock.advance(0.02),
    "an hour": lambda floor: floor.clock.advance(3600),
    "crash": lambda floor: floor.crash(),
}


@settings(max_examples=12, deadline=None)
@given(steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=12))
def test_it_is_never_armed_while_anybody_is_thought_inside(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    floor = Floor(tmp_path_factory.mktemp("floor")).start()
    was_armed = False
    for step in steps:
        STEPS[step](floor)
        floor.clock.settle()
        assert not (floor.armed and floor.inside())
        assert floor.armed <= (floor.alarm.state is Guard.ARMED)
        was_armed |= floor.armed
    event("was armed" if was_armed else "never armed")
    floor.clock.advance(timedelta(minutes=5).total_seconds())
    assert not (floor.armed and floor.inside())
