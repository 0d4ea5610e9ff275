"""The seed's space is whole, the same for a seed, and opens as its plans promise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from aldaba_cloud.access.explain import Question, explain_question
from aldaba_cloud.access.publish import people_of, site_rules
from aldaba_cloud.auth.service import Passwords
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members.models import PlanKind
from aldaba_cloud.places.models import uncounted
from aldaba_cloud.schema import migrate
from aldaba_shared.ids import DoorId, HolderId
from aldaba_shared.reasons import Reason
from aldaba_sim import barcelona

MONDAY_NOON = datetime(2026, 11, 23, 11, tzinfo=UTC)
MONDAY_NIGHT = datetime(2026, 11, 23, 22, tzinfo=UTC)
FLEX, RESIDENT, OFFICE, STAFF, CLEANER = (
    HolderId(name) for name in ("mbr_001", "mbr_081", "mbr_105", "stf_1", "cln_1")
)


class Seeded:
    """A seeded database, and what a person, a door and a moment come to."""

    def __init__(self, directory: Path, seed: int) -> None:
        config = Config(state_dir=directory, argon2_time_cost=1, argon2_memory_kib=8)
        self.keyring = Keyring(config.key_dir)
        database = Database(config.database)
        migrate(database)
        with database.write() as db:
            work = Work(db, Scope(barcelona.NETWORK), MONDAY_NOON)
            self.space = barcelona.seed_space(work, self.keyring, Passwords(config), Random(seed))
            self.rules = site_rules(work, barcelona.SITE)
            self.people = people_of(work, self.keyring)
        database.close()

    def answer(self, holder: HolderId, door: str, at: datetime) -> Reason:
        return explain_question(self.rules, self.people, Question(holder, DoorId(door), at)).decision.reason


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    return Seeded(tmp_path_factory.mktemp("bcn"), seed=1)


def test_the_space_has_what_the_seed_says(seeded: Seeded) -> None:
    kinds = {plan.id: plan.kind for plan in barcelona.PLANS}
    assert len(seeded.space.doors) == 8
    assert sum(1 for person in seeded.space.people if person.plan) == 150
    offices = {one.id for one in seeded.people.contracts if kinds[one.plan] is PlanKind.OFFICE}
    assert len(offices) == 10
    assert [door.controller for door in seeded.rules.place.doors.values()] == [None] * 8
    assert uncounted(seeded.rules.place) == []


def test_a_seed_always_makes_the_same_people_and_cards(seeded: Seeded, tmp_path: Path) -> None:
    again = Seeded(tmp_path, seed=1).space
    assert again.people == seeded.space.people
    assert {one.password for one in again.accounts}.isdisjoint(one.password for one in seeded.space.accounts)


@pytest.mark.parametrize(
    ("holder", "door", "at", "reason"),
    [
        pytest.param(FLEX, "street", MONDAY_NOON, Reason.GRANTED, id="flex by day, at the street"),
        pytest.param(FLEX, "turnstile", MONDAY_NOON, Reason.GRANTED, id="flex by day, at the turnstile"),
        pytest.param(FLEX, "gaudi", MONDAY_NOON, Reason.GRANTED, id="flex by day, in a room"),
        pytest.param(FLEX, "street", MONDAY_NIGHT, Reason.OUT_OF_SCHEDULE, id="flex at night"),
        pytest.param(FLEX, "offices", MONDAY_NOON, Reason.NO_ACCESS_RIGHTS, id="flex at the offices"),
        pytest.param(RESIDENT, "street", MONDAY_NIGHT, Reason.GRANTED, id="resident at night"),
        pytest.param(OFFICE, "offices", MONDAY_NIGHT, Reason.GRANTED, id="office at night"),
        pytest.param(STAFF, "quiet", MONDAY_NIGHT, Reason.GRANTED, id="staff anywhere"),
        pytest.param(CLEANER, "offices", MONDAY_NIGHT, Reason.OUT_OF_SCHEDULE, id="cleaner after eleven"),
    ],
)
def test_doors_open_as_the_plans_promise(
    seeded: Seeded, holder: HolderId, door: str, at: datetime, reason: Reason
) -> None:
    assert seeded.answer(holder, door, at) is reason


@pytest.mark.feature(37)
@pytest.mark.parametrize("offset", ["+01:00", "+02:00"])
@pytest.mark.parametrize("night", ["2026-03-29T02:30", "2026-10-25T02:30"])
def test_a_resident_enters_at_half_past_two_on_both_nights_the_clocks_change(
    seeded: Seeded, night: str, offset: str
) -> None:
    at = datetime.fromisoformat(f"{night}{offset}")
    unbilled = replace(seeded.people, contracts=tuple(replace(one, paid_until=None) for one in seeded.people.contracts))
    for door in ("street", "turnstile", "gaudi"):
        question = Question(RESIDENT, DoorId(door), at)
        reason = explain_question(seeded.rules, unbilled, question).decision.reason
        assert reason is Reason.GRANTED


@pytest.mark.feature(36)
@pytest.mark.parametrize(("day", "utc"), [("2026-03-27", "19"), ("2026-03-30", "18"), ("2026-10-26", "19")])
def test_a_weekday_plan_ends_at_eight_on_the_wall_clock_before_and_after_the_clocks_change(
    seeded: Seeded, day: str, utc: str
) -> None:
    unbilled = replace(seeded.people, contracts=tuple(replace(one, paid_until=None) for one in seeded.people.contracts))
    closing = datetime.fromisoformat(f"{day}T{utc}:00:00+00:00")
    answers = [
        explain_question(seeded.rules, unbilled, Question(FLEX, DoorId("street"), at)).decision.reason
        for at in (closing - timedelta(microseconds=1), closing)
    ]
    assert answers == [Reason.GRANTED, Reason.OUT_OF_SCHEDULE]
