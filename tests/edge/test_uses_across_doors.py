"""What was used at one door is used up at the other, as far as the two can talk, and after every restart."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from aldaba_edge.ports import Use
from aldaba_shared.events import DoorOpened
from tests.edge.test_peers import Door, Site, two_doors

FOR_EVER = timedelta(days=3650)


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[Site]:
    with two_doors(tmp_path) as site:
        yield site


def spend(door: Door, name: str, value: int, lasts: timedelta = FOR_EVER) -> None:
    door.books.journal.record(DoorOpened(door.door), spend=Use(name, value, door.clock.now() + lasts))


def test_a_counter_seen_at_one_door_is_known_at_the_other_within_a_second(site: Site) -> None:
    spend(site.one, "card", 7)
    assert site.two.books.uses.latest("card") == 0
    site.soon()
    assert site.two.books.uses.latest("card") == 7
    spend(site.two, "card", 9)
    site.soon()
    assert site.one.books.uses.latest("card") == 9


def test_uses_of_a_pass_add_up_over_the_doors_of_a_site(site: Site) -> None:
    for times in (1, 2):
        spend(site.one, "pass@floor", times)
    spend(site.two, "pass@floor", 1)
    site.soon()
    assert (site.one.books.uses.total("pass@floor"), site.two.books.uses.total("pass@floor")) == (3, 3)
    assert (site.one.books.uses.own("pass@floor"), site.two.books.uses.own("pass@floor")) == (2, 1)


def test_what_a_peer_told_is_kept_over_a_restart_far_from_the_broker(site: Site) -> None:
    spend(site.one, "card", 7)
    site.soon()
    site.two.stop()
    site.one.link.cut()
    site.two.broker.retained.clear()
    site.two.start()
    assert site.two.books.uses.latest("card") == 7


def test_what_was_used_while_the_doors_could_not_talk_is_told_when_they_can(site: Site) -> None:
    site.one.link.cut()
    spend(site.one, "card", 7)
    site.soon()
    assert site.two.books.uses.latest("card") == 0
    site.one.link.join()
    site.soon()
    assert site.two.books.uses.latest("card") == 7


def test_an_old_use_is_kept_but_no_longer_told_so_that_news_stay_short(site: Site) -> None:
    spend(site.one, "card", 7)
    spend(site.one, "code", 7, lasts=timedelta(minutes=1))
    assert {one.name for one in site.one.books.uses.told()} == {"card", "code"}
    site.clock.advance(120)
    assert {one.name for one in site.one.books.uses.told()} == {"card"}
    site.clock.jump(37 * 3600)
    assert site.one.books.uses.told() == ()
    assert site.one.books.uses.latest("card") == 7


def test_what_one_peer_may_have_others_keep_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldaba_edge.uses.MOST_OF_A_PEER", 3)
    for number in range(5):
        spend(site.one, f"card {number}", 7)
    site.soon()
    assert [site.two.books.uses.latest(f"card {number}") for number in range(5)] == [7, 7, 7, 0, 0]
    spend(site.one, "card 9", 7)
    spend(site.one, "card 1", 8)
    site.soon()
    assert site.two.books.uses.latest("card 1") == 8, "what is known goes on being followed"
