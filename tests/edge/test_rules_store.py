import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from aldaba_edge.books import Books
from aldaba_edge.clock import HandClock
from aldaba_edge.rules_file import RulesRefused, verified_hash
from aldaba_edge.runner import InlineRunner
from aldaba_edge.store import SqliteRules
from aldaba_edge.trust import Trust
from aldaba_shared.envelope import SigningKey, seal
from aldaba_shared.events import AnyEvent, MessageRefused, RulesApplied
from aldaba_shared.ids import CredentialKey
from aldaba_shared.messages import Delta, Head, Kind
from aldaba_shared.presence import Zone
from aldaba_shared.snapshot import Change, Row, changes_between
from aldaba_shared.wire import encode
from tests.edge.places import FRONT, ME, START, Keys, books_in, card_rows, key_of, some_rows, write_rules


@dataclass
class Place:
    """One controller's rules, and everything told about them."""

    folder: Path
    clock: HandClock
    keys: Keys
    books: Books
    trust: Trust
    rules: SqliteRules
    told: list[AnyEvent]

    def knows(self, number: int) -> bool:
        return self.rules.facts(FRONT, CredentialKey(key_of(number))).credential is not None

    def download(self, rows: list[Row], head: Head, key: SigningKey | None = None) -> Path:
        path = self.rules.incoming / "rules.db"
        write_rules(path, rows, seal(Kind.HEAD, ME, head, key or self.keys.cloud), head.set_hash)
        return path

    def install(self, rows: list[Row], version: int = 1) -> str | None:
        self.download(rows, self.keys.head(rows, version))
        return self.installed()

    def installed(self) -> str | None:
        answers: list[RulesRefused | None] = []
        self.rules.install(answers.append)
        self.clock.settle()
        return answers[0].why if answers[0] else None

    def apply(self, delta: Delta) -> str | None:
        answers: list[RulesRefused | None] = []
        self.rules.apply(delta, seal(Kind.DELTA, ME, delta, self.keys.cloud), answers.append)
        self.clock.settle()
        return answers[0].why if answers[0] else None

    def restarted(self) -> "Place":
        self.rules.close()
        self.books.close()
        return place_in(self.folder, self.keys, self.clock)


def place_in(folder: Path, keys: Keys, clock: HandClock, *, synchronous: str = "OFF") -> Place:
    books = books_in(folder, clock, synchronous=synchronous)
    trust = Trust(keys.identity(), books.state)
    told: list[AnyEvent] = []
    runner = InlineRunner(clock.post)
    rules = SqliteRules(folder / "rules", books.state, trust, runner=runner, verify=verified_hash, tell=told.append)
    return Place(folder, clock, keys, books, trust, rules, told)


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Iterator[Place]:
    place = place_in(tmp_path, Keys(), HandClock(START))
    yield place
    place.rules.close()
    place.books.close()


def test_a_controller_without_rules_knows_nobody_and_says_it_is_unverified(place: Place) -> None:
    assert not place.knows(0)
    assert not place.rules.verified
    assert place.rules.head is None


def test_a_snapshot_is_verified_then_in_force_at_once(place: Place) -> None:
    rows = some_rows()
    assert place.install(rows) is None
    assert place.knows(2)
    assert not place.knows(3)
    assert place.rules.verified
    assert place.rules.floor == (1, 1)
    assert place.told == [RulesApplied(1, 1, place.keys.head(rows).set_hash)]


def test_facts_are_what_the_rows_say(place: Place) -> None:
    place.install(some_rows())
    facts = place.rules.facts(FRONT, CredentialKey(key_of(1)))
    assert facts.credential is not None
    assert (facts.credential.holder, facts.credential.enabled, facts.credential.essential) == ("h1", True, False)
    (right,) = facts.rights
    assert (right.id, right.contract, right.good_standing, right.renews) == ("r1", "m1", True, False)
    assert right.valid_from == START - timedelta(days=1)
    assert right.schedule.covers(START)


def test_rules_are_in_force_again_after_a_restart_without_being_loaded(place: Place) -> None:
    place.install(some_rows())
    again = place.restarted()
    assert again.knows(1)
    assert again.rules.verified
    again.rules.check_in_background()
    again.clock.settle()
    assert again.told == []
    again.rules.close()
    again.books.close()


def delta(place: Place, before: list[Row], after: list[Row], version: int = 2) -> Delta:
    return Delta(place.keys.head(after, version), version - 1, changes_between(before, after))


def test_a_delta_changes_rows_and_head_together_and_survives_a_restart(place: Place) -> None:
    before = some_rows()
    after = [*before[:2], *card_rows(7), Row("zone", ("z", encode(Zone(id="z"))))]  # type: ignore[arg-type]  # a plain id
    place.install(before)
    assert place.apply(delta(place, before, after)) is None
    again = place.restarted()
    assert [again.knows(n) for n in (0, 7)] == [False, True]
    assert again.rules.generation == (1, 2)
    assert "z" in again.rules.presence.zones
    again.rules.check_in_background()
    again.clock.settle()
    assert again.rules.verified
    again.rules.close()
    again.books.close()


BAD_DELTAS: dict[str, Callable[[Delta], Delta]] = {
    "hash_differs": lambda d: msgspec.structs.replace(d, changes=d.changes[:-1]),
    "not_next": lambda d: msgspec.structs.replace(d, from_version=0),
    "row_differs": lambda d: msgspec.structs.replace(d, changes=(*d.changes, *_undone(Row("setting", ("x", b"\x01"))))),
    "bad_row": lambda d: msgspec.structs.replace(
        d, changes=(Change(None, Row("schedule", ("x", b"\xff"))), *d.changes)
    ),
}


def _undone(row: Row) -> tuple[Change, Change]:
    """Dropped before it is put: the hash comes out right and the rows do not."""
    return Change(row, None), Change(None, row)


@pytest.mark.parametrize("why", sorted(BAD_DELTAS))
def test_a_delta_with_one_defect_changes_nothing(place: Place, why: str) -> None:
    before = some_rows()
    place.install(before)
    good = delta(place, before, [*before, *card_rows(9)])
    assert place.apply(BAD_DELTAS[why](good)) == why
    assert not place.knows(9)
    assert place.rules.generation == (1, 1)
    assert place.apply(good) is None
    assert place.knows(9)


def _retold(statement: str) -> Callable[[Place, Path], None]:
    def spoil(_place: Place, path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.commit()
        connection.close()

    return spoil


def _signed_by_a_stranger(place: Place, path: Path) -> None:
    rows = some_rows()
    head = place.keys.head(rows, 2)
    write_rules(path, rows, seal(Kind.HEAD, ME, head, SigningKey.generate(b"cloud-1")), head.set_hash)


def _for_another_controller(place: Place, path: Path) -> None:
    rows = some_rows()
    head = place.keys.head(rows, 2)
    write_rules(path, rows, seal(Kind.HEAD, "c9", head, place.keys.cloud), head.set_hash)


def _an_old_one(place: Place, path: Path) -> None:
    rows = some_rows(1)
    head = place.keys.head(rows, 0)
    write_rules(path, rows, seal(Kind.HEAD, ME, head, place.keys.cloud), head.set_hash)


def _cut_in_half(_place: Place, path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


BAD_SNAPSHOTS: dict[str, tuple[str, Callable[[Place, Path], None]]] = {
    "a row more": ("hash_differs", _retold("INSERT INTO setting VALUES ('x', x'01')")),
    "a right opened up": ("hash_differs", _retold("UPDATE grant_ SET valid_from = 0")),
    "a claimed hash": ("hash_differs", _retold("UPDATE head_ SET set_hash = zeroblob(32)")),
    "a trigger": ("wrong_schema", _retold("CREATE TRIGGER t AFTER INSERT ON setting BEGIN DELETE FROM grant_; END")),
    "a view": ("wrong_schema", _retold("CREATE VIEW v AS SELECT 1")),
    "a table more": ("wrong_schema", _retold("CREATE TABLE t (x)")),
    "an index": ("wrong_schema", _retold("CREATE INDEX i ON credential (holder)")),
    "another format": ("wrong_format", _retold("PRAGMA user_version = 9")),
    "no head": ("no_head", _retold("DELETE FROM head_")),
    "a row nobody can read": ("bad_row", _retold("INSERT INTO schedule VALUES ('s', x'ff')")),
    "half a flag": ("bad_row", _retold("UPDATE grant_ SET flags = 1.5")),
    "an end that is a text": ("bad_row", _retold("UPDATE credential SET valid_until = ''")),
    "half a file": ("damaged", _cut_in_half),
    "no file at all": ("damaged", lambda _place, path: path.unlink()),
    "a stranger's signature": ("envelope_refused", _signed_by_a_stranger),
    "another controller's": ("envelope_refused", _for_another_controller),
    "a replay": ("below_floor", _an_old_one),
}


@pytest.mark.parametrize("defect", sorted(BAD_SNAPSHOTS))
def test_a_snapshot_with_one_defect_is_refused_and_the_rules_before_stay(place: Place, defect: str) -> None:
    why, spoil = BAD_SNAPSHOTS[defect]
    place.install(some_rows(1))
    rows = some_rows()
    spoil(place, place.download(rows, place.keys.head(rows, 2)))
    assert place.installed() == why
    assert place.knows(0)
    assert not place.knows(2)
    assert place.rules.generation == (1, 1)
    assert not place.rules.incoming.exists()


def test_damage_found_after_the_start_falls_back_one_generation_and_alarms(place: Place) -> None:
    place.install(some_rows(1))
    place.install(some_rows(5), version=2)
    place.rules.close()
    _retold("UPDATE grant_ SET valid_from = 0")(place, place.folder / "rules" / "1-2" / "rules.db")
    again = place.restarted()
    assert again.knows(4)
    again.rules.check_in_background()
    again.clock.settle()
    assert MessageRefused("rules", "hash_differs") in again.told
    assert again.rules.verified
    assert again.rules.generation == (1, 1)
    assert not again.knows(4)
    assert again.rules.floor == (1, 2)
    once_more = again.restarted()
    assert once_more.rules.generation == (1, 1)
    assert once_more.install(some_rows(5), version=2) is None, "the damaged generation can be fetched anew"
    assert once_more.knows(4)
    once_more.rules.close()
    once_more.books.close()


def test_an_old_generation_put_back_by_hand_is_not_believed(place: Place) -> None:
    place.install(some_rows(5), version=1)
    shutil.copytree(place.folder / "rules" / "1-1", place.folder / "kept")
    place.install(some_rows(1), version=2)
    place.rules.close()
    shutil.rmtree(place.folder / "rules" / "1-2")
    (place.folder / "kept").rename(place.folder / "rules" / "1-2")
    again = place.restarted()
    assert not again.rules.verified
    assert MessageRefused("rules", "below_floor") in again.told
    again.rules.close()
    again.books.close()


def test_a_head_signed_again_makes_the_rules_younger_also_after_a_restart(place: Place) -> None:
    rows = some_rows()
    place.install(rows)
    later = place.keys.head(rows, at=START + timedelta(minutes=20))
    place.rules.refresh(later, place.keys.seal_head(later))
    again = place.restarted()
    assert again.rules.head is not None
    assert again.rules.head.issued_at == START + timedelta(minutes=20)
    again.rules.close()
    again.books.close()


def test_only_the_generation_before_is_kept(place: Place) -> None:
    for version in range(1, 5):
        place.install(some_rows(version), version)
    assert sorted(path.name for path in (place.folder / "rules").iterdir()) == ["1-3", "1-4", "current"]


def test_a_restored_cloud_raises_the_epoch_and_its_rules_are_taken(place: Place) -> None:
    place.install(some_rows(1), version=9)
    rows = some_rows(2)
    place.download(rows, replace_epoch(place.keys.head(rows, 1)))
    assert place.installed() is None
    assert place.rules.generation == (2, 1)


def replace_epoch(head: Head) -> Head:
    return msgspec.structs.replace(head, epoch=2)
