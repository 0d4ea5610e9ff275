"""The decision over a million credentials: one prepared query and `decide`, beside the bare query and a policy engine.

Floor: the same SQLite file, one prepared statement, one bitmap test. Peer:
cedarpy, asked about one person with one policy and nothing else loaded, which
is its best case; with a million people it needs 3.7 GB.
"""

import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import cedarpy

from aldaba_edge.rules_file import RulesFile
from aldaba_shared.decide import DoorNow, PresenceNow, Presented, Side, decide
from aldaba_shared.ids import CredentialKey, DoorId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from aldaba_shared.schedule import Window, weekly
from aldaba_shared.snapshot import ENABLED, FORMAT, GOOD_STANDING, RENEWS, SCHEMA
from aldaba_shared.wire import encode
from bench.harness import Case, Samples, timed

PEOPLE = 1_000_000
ASKED = 2_000
DOOR = DoorId("front")
NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
SPAN = (int((NOON - timedelta(days=30)).timestamp()), int((NOON + timedelta(days=30)).timestamp()))
OFFICE_HOURS = weekly("Europe/Madrid", {day: [Window(8 * 60, 20 * 60)] for day in range(5)})
BITMAP_QUERY = (
    "SELECT c.flags, g.flags FROM credential c JOIN grant_ g ON g.door = ?2 AND g.holder = c.holder WHERE key = ?1"
)


def key_of(number: int) -> CredentialKey:
    """The digest of the n-th card."""
    return CredentialKey(sha256(number.to_bytes(4, "big")).digest())


def rules_file(path: Path, people: int = PEOPLE) -> Path:
    """A rule set of that many people with one card and one right each."""
    with sqlite3.connect(path) as db:
        db.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {SCHEMA}; PRAGMA user_version={FORMAT}")
        db.execute("INSERT INTO head_ VALUES (1, x'', x'')")
        db.execute("INSERT INTO schedule VALUES ('office', ?)", (encode(OFFICE_HOURS),))
        keys = sorted((key_of(number), number) for number in range(people))
        db.executemany(
            "INSERT INTO credential VALUES (?, ?, ?, 'uid', ?, NULL, NULL)",
            ((key, f"card-{number}", f"h{number:07}", ENABLED) for key, number in keys),
        )
        db.executemany(
            "INSERT INTO grant_ VALUES (?, ?, 'r', 'office', 'c', ?, ?, ?)",
            ((DOOR, f"h{number:07}", GOOD_STANDING | RENEWS, *SPAN) for number in range(people)),
        )
    db.close()
    return path


def cases(room: Path) -> Iterator[Case]:
    """The decision with its lookup, and `decide` alone."""
    path = rules_file(room / "rules.db")
    rules = RulesFile(path)
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    bitmap = bytes(1260 * [255])
    rng = random.Random(1)
    shown = Presented(DOOR, Side.IN, CredentialKind.UID, NOON)
    door, presence = DoorNow(rules_issued_at=NOON), PresenceNow()

    def ours() -> Samples:
        keys = iter([key_of(rng.randrange(PEOPLE)) for _ in range(ASKED)])
        return timed(lambda: _granted(decide(shown, rules.facts(DOOR, next(keys)), presence, door).reason), ASKED)

    def floor() -> Samples:
        keys = iter([key_of(rng.randrange(PEOPLE)) for _ in range(ASKED)])

        def ask() -> None:
            row = db.execute(BITMAP_QUERY, (next(keys), DOOR)).fetchone()
            minute = NOON.weekday() * 1440 + NOON.hour * 60 + NOON.minute
            assert row[0] & ENABLED
            assert bitmap[minute >> 3] >> (minute & 7) & 1

        return timed(ask, ASKED)

    yield Case("decision, 1,000,000 credentials", ours, floor, _cedar, "cedarpy", reach=1.8, reach_p99=3.0)
    facts = rules.facts(DOOR, key_of(1))
    yield Case("decide alone", lambda: timed(lambda: _granted(decide(shown, facts, presence, door).reason), ASKED))


def _granted(reason: Reason) -> None:
    assert reason is Reason.GRANTED


def _cedar() -> Samples:
    policy = 'permit(principal == Person::"ana", action == Action::"enter", resource == Door::"front");'
    request = {"principal": 'Person::"ana"', "action": 'Action::"enter"', "resource": 'Door::"front"', "context": {}}

    def ask() -> None:
        assert cedarpy.is_authorized(request, policy, []).allowed

    return timed(ask, 200)
