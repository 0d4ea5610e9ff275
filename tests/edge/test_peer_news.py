"""How fast the news of peers is read: at once on an ordinary site, in turn where hundreds speak together."""

from dataclasses import dataclass, field

import pytest

from aldaba_edge.clock import HandClock
from aldaba_edge.peer_news import BURST, BUSY_SECONDS, EACH_SECONDS, MOST_WAITING, PeerNews
from aldaba_edge.trust import OutOfDate
from aldaba_shared.envelope import EnvelopeRefused
from aldaba_shared.ids import ControllerId
from aldaba_shared.messages import Kind
from tests.edge.places import START

MANY = 200


@dataclass
class Desk:
    """Who reads, and what was read and refused."""

    clock: HandClock = field(default_factory=lambda: HandClock(START))
    read: list[bytes] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    busy: bool = False
    stranger: bool = False

    def __post_init__(self) -> None:
        self.news = PeerNews(self.clock, self._look, lambda *why: self.refused.append(why), lambda: self.busy)

    def _look(self, envelope: bytes) -> bool:
        self.read.append(envelope)
        if envelope == b"forged":
            raise EnvelopeRefused(Kind.PRESENCE, "the signature does not hold")
        if envelope == b"old":
            raise OutOfDate(Kind.PRESENCE, "replayed", "it is old")
        return not self.stranger

    def everybody(self, word: str) -> None:
        for number in range(MANY):
            self.news.arrived(ControllerId(f"ctl_{number}"), f"{number} {word}".encode())


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_an_ordinary_site_says_is_read_at_once(desk: Desk) -> None:
    for number in range(BURST):
        desk.news.arrived(ControllerId(f"ctl_{number}"), b"in")
    assert len(desk.read) == BURST


def test_where_hundreds_speak_together_the_newest_word_of_each_is_read_in_its_turn(desk: Desk) -> None:
    desk.everybody("came")
    desk.everybody("went")
    assert len(desk.read) == BURST
    desk.clock.advance(EACH_SECONDS * 10)
    assert len(desk.read) == BURST + 10
    desk.clock.advance(EACH_SECONDS * MANY * 2)
    waited = [f"{number} went".encode() for number in range(MANY)]
    assert sorted(desk.read[BURST:]) == sorted(waited)
    desk.news.arrived(ControllerId("ctl_0"), b"0 came back")
    assert desk.read[-1] == b"0 came back", "it is quiet again, and nobody waits"


def test_while_our_own_lines_are_on_their_way_news_waits_longer(desk: Desk) -> None:
    desk.busy = True
    desk.everybody("came")
    desk.clock.advance(BUSY_SECONDS * 3)
    assert len(desk.read) == BURST + 3
    desk.busy = False
    desk.clock.advance(BUSY_SECONDS + EACH_SECONDS * MANY)
    assert len(desk.read) == MANY


def test_a_loop_that_was_held_up_while_lines_are_on_their_way_is_not_allowed_another_burst(desk: Desk) -> None:
    desk.busy = True
    for number in range(BURST):
        desk.news.arrived(ControllerId(f"ctl_{number}"), b"in")
    desk.clock.advance(60)
    desk.everybody("came")
    assert len(desk.read) == BURST


def test_what_a_broker_repeats_is_not_read_again_unless_its_signer_was_unknown(desk: Desk) -> None:
    peer = ControllerId("ctl_1")
    desk.stranger = True
    desk.news.arrived(peer, b"in")
    desk.stranger = False
    desk.news.arrived(peer, b"in")
    desk.news.arrived(peer, b"in")
    assert desk.read == [b"in", b"in"]


def test_a_forged_piece_is_refused_in_its_turn_and_the_next_is_read(desk: Desk) -> None:
    desk.everybody("came")
    desk.clock.advance(EACH_SECONDS * MANY)
    for number in range(BURST):
        desk.news.arrived(ControllerId(f"ctl_{number}"), f"{number} again".encode())
    for peer, envelope in (("ctl_50", b"forged"), ("ctl_51", b"old"), ("ctl_52", b"true")):
        desk.news.arrived(ControllerId(peer), envelope)
    desk.clock.advance(EACH_SECONDS * MANY)
    assert desk.read[-3:] == [b"forged", b"old", b"true"]
    assert desk.refused == [(Kind.PRESENCE, EnvelopeRefused.code), (Kind.PRESENCE, "replayed")]


def test_a_flood_of_names_that_nobody_has_fills_no_memory(desk: Desk) -> None:
    for number in range(MOST_WAITING + BURST + 100):
        desk.news.arrived(ControllerId(f"made_up_{number}"), b"x")
    desk.clock.advance(EACH_SECONDS * MOST_WAITING * 2)
    assert len(desk.read) == MOST_WAITING + BURST


def test_who_stops_reads_nothing_more(desk: Desk) -> None:
    desk.everybody("came")
    desk.news.stop()
    desk.clock.advance(60)
    assert len(desk.read) == BURST
