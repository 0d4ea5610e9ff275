"""Yesterday's copy of the cloud: the lost day comes back from the doors, and no old right does."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from aldaba_cloud.fleet import alarms as alarm_books
from aldaba_cloud.fleet import books
from aldaba_cloud.fleet import service as fleet
from aldaba_cloud.occupancy import service as occupancy
from aldaba_shared.decide import DoorMode
from aldaba_shared.reasons import Reason
from tests.sim.restored_space import BACK, DAY, FRONT, SITE, Town

pytestmark = pytest.mark.world
ANA, BEA, CARLA = b"\x04ana", b"\x04bea", b"\x04carla"


@pytest.fixture(name="town")
def _town(tmp_path: Path) -> Iterator[Town]:
    """The first day: two doors, Ana and Bea inside; then the backup, and a night."""
    town = Town(tmp_path)
    (tmp_path / "first").mkdir()
    town.found(tmp_path / "first")
    town.stand(tmp_path / "first")
    for door in (FRONT, BACK):
        town.pair(door)
    town.welcome("ana", ANA)
    town.card = town.welcome("bea", BEA)
    assert [town.controllers[FRONT].tap(one) for one in (ANA, BEA)] == [Reason.GRANTED] * 2
    town.turn(5)
    town.run("backup", str(tmp_path / "day1.tar"))
    town.turn(DAY, step=3600)
    town.reconnect()
    yield town
    for one in town.controllers.values():
        one.stop()
    town.fall()


def restore(town: Town) -> None:
    """The machine is lost; yesterday's copy is put on another, and the doors find it."""
    town.fall()
    town.state = town.folder / "second"
    said = town.run("restore", str(town.folder / "day1.tar")).output
    assert "begin epoch 2" in said
    town.turn(DAY + 3600, step=3600)
    town.stand(town.state)
    town.reconnect()


def generations(town: Town) -> list[tuple[int, int]]:
    return [town.controllers[door].core.rules.generation for door in (FRONT, BACK)]


def assert_the_books_are_whole(town: Town) -> None:
    with town.database.read() as db:
        work = town.work(db)
        for one in town.controllers.values():
            kept = books.journal_lines(work, one.answer.controller, one.books.journal.id)
            assert [(row.sequence, row.body) for row in kept] == one.lines()
        assert occupancy.verify(work, SITE) == []


@pytest.mark.feature(39)
def test_the_lost_day_comes_back_from_the_doors_once_and_no_old_right_with_it(town: Town) -> None:
    front, back = town.controllers[FRONT], town.controllers[BACK]
    town.revoke(town.card)
    town.welcome("carla", CARLA)
    assert [front.tap(one) for one in (BEA, CARLA)] == [Reason.CREDENTIAL_DISABLED, Reason.GRANTED]
    assert back.tap(ANA) is Reason.GRANTED
    town.turn(5)
    before = generations(town)
    restore(town)

    assert_the_books_are_whole(town)
    assert generations(town) == before, "doors keep what they have"
    assert front.tap(BEA) is back.tap(BEA) is Reason.CREDENTIAL_DISABLED
    assert front.tap(CARLA) is Reason.GRANTED
    town.turn(3600, step=60)
    assert front.core.rules.head is not None
    assert (town.clock.now() - front.core.rules.head.issued_at).total_seconds() < 120, "and what they have stays young"
    assert front.refusals() == back.refusals() == []


def test_an_admin_sees_what_would_come_back_before_anything_does(town: Town) -> None:
    front = town.controllers[FRONT]
    town.revoke(town.card)
    town.welcome("carla", CARLA)
    assert [front.tap(one) for one in (BEA, CARLA)] == [Reason.CREDENTIAL_DISABLED, Reason.GRANTED]
    town.turn(5)
    restore(town)

    seen = json.loads(town.run("rules", "held", "--json", ends=1).output)
    assert [one["changes_lost"] for one in seen["held"]] == [2, 2]
    assert [(one["holder"], one["was"], one["would_be"]) for one in seen["taps"]] == [
        ("bea", "credential_disabled", "granted"),
        ("carla", "granted", "unknown_credential"),
    ]
    town.revoke(town.card)
    assert front.tap(BEA) is Reason.CREDENTIAL_DISABLED
    town.run("rules", "publish", "--after-restore")
    town.turn(10)
    assert [epoch for epoch, _ in generations(town)] == [2, 2]
    assert [front.tap(one) for one in (ANA, BEA, CARLA)] == [
        Reason.GRANTED,
        Reason.CREDENTIAL_DISABLED,
        Reason.UNKNOWN_CREDENTIAL,
    ]
    town.turn(5)
    assert_the_books_are_whole(town)
    assert front.refusals() == []


def test_doors_that_were_told_nothing_since_the_backup_follow_again_by_themselves(town: Town) -> None:
    town.controllers[BACK].tap(ANA)
    town.turn(5)
    restore(town)
    town.turn(10)
    assert [epoch for epoch, _ in generations(town)] == [2, 2]
    town.run("rules", "held")
    town.revoke(town.card)
    assert town.controllers[BACK].tap(BEA) is Reason.CREDENTIAL_DISABLED
    town.turn(5)
    assert_the_books_are_whole(town)


def test_a_lockdown_of_the_lost_day_stays_until_somebody_ends_it_here(town: Town) -> None:
    front = town.controllers[FRONT]
    say(town, DoorMode.LOCKED_DOWN)
    assert front.modes[-1:] == [DoorMode.LOCKED_DOWN]
    restore(town)
    town.turn(600, step=30)
    assert front.core.sync.modes is not None
    assert [one.mode for one in front.core.sync.modes.modes] == [DoorMode.LOCKED_DOWN]
    with town.database.read() as db:
        assert "modes_lost" in {one.kind for one in alarm_books.recent(town.work(db))}
    say(town, DoorMode.EVACUATING)
    assert front.modes[-1:] == [DoorMode.EVACUATING], "what is said here counts, held or not"
    assert front.refusals() == []


def test_an_operator_releases_a_door_after_a_restore(town: Town) -> None:
    front = town.controllers[FRONT]
    release(town)
    release(town)
    restore(town)
    release(town)
    assert len(front.released) == 3
    assert front.refusals() == []


def say(town: Town, mode: DoorMode) -> None:
    with town.database.write() as db:
        fleet.set_site_mode(town.work(db), SITE, mode)
    town.turn(5)


def release(town: Town) -> None:
    with town.database.write() as db:
        fleet.release(town.work(db), FRONT)
    town.turn(5)
