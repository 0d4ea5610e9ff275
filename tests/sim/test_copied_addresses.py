"""A tag's address, copied from the air: refused where it was used, and at the other doors while they talk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aldaba_edge.drivers.negotiation import InField, Negotiation
from aldaba_edge.drivers.options import PROVABLE
from aldaba_edge.ports import CardWays
from aldaba_shared.decide import Side
from aldaba_shared.events import AccessDecided
from aldaba_shared.reasons import Reason
from aldaba_sim.cards import Card
from tests.edge.door_fakes import ANA_CARD, Bench
from tests.edge.test_peers import Door, Site, two_doors
from tests.sim.test_proving_cards import OLD, UID, Replaying, our_tag

READER = Negotiation(PROVABLE, lambda _kind, _canonical: ANA_CARD, CardWays(lambda: (OLD,)))


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[Site]:
    with two_doors(tmp_path) as site:
        yield site


def hold(site: Site, door: Door, card: Card) -> Reason:
    """What a door on its own real books says to a card."""
    bench = Bench(clock=site.clock, books=door.books)
    reading = READER.meet(InField(card.uid, speaks=True), card.transmit).reading
    bench.loop.read(Side.IN, reading)
    site.soon()
    told = [line.event for line in door.books.journal.file.events() if isinstance(line.event, AccessDecided)]
    assert bench.lock.told.count("release") == (1 if told[-1].decision.granted else 0)
    return told[-1].decision.reason


@pytest.mark.feature(35)
def test_a_copy_of_an_address_used_at_one_door_is_refused_at_both(site: Site) -> None:
    tag = our_tag()
    copy = Replaying(tag, UID)
    assert hold(site, site.one, tag) is Reason.GRANTED
    assert hold(site, site.one, copy) is Reason.PASS_REPLAYED
    assert hold(site, site.two, copy) is Reason.PASS_REPLAYED
    assert hold(site, site.two, tag) is Reason.GRANTED, "the tag itself goes on counting"


def test_a_door_that_cannot_talk_takes_an_address_it_never_saw_and_no_other(site: Site) -> None:
    tag = our_tag()
    copy = Replaying(tag, UID)
    site.one.link.cut()
    assert hold(site, site.one, tag) is Reason.GRANTED
    assert hold(site, site.two, copy) is Reason.GRANTED, "as the documents declare"
    assert hold(site, site.two, copy) is Reason.PASS_REPLAYED
    site.one.link.join()
    site.soon()
    assert hold(site, site.one, copy) is Reason.PASS_REPLAYED
