"""What doors get: rows that follow from contracts and levels, in versions that differ by what changed."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from aldaba_cloud.access import service
from aldaba_cloud.access import store as access
from aldaba_cloud.access.explain import Question, explain_question
from aldaba_cloud.access.models import ALWAYS, SpecialDay, Target
from aldaba_cloud.access.publish import (
    head_now,
    newest_delta,
    people_of,
    site_rules,
    snapshot_rows,
    write_snapshot,
)
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work, metadata
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members import store as members_store
from aldaba_cloud.members.models import Holder, HolderKind, Standing
from aldaba_cloud.outbox import outbox
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door, Zone, routes
from aldaba_shared.ids import HolderId, ScheduleId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.reasons import Reason
from aldaba_shared.schedule import Schedule, ScheduleInvalid, Window
from aldaba_shared.snapshot import FACTS_QUERY, Row, changed_hash, set_hash
from aldaba_shared.wire import decode
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK
from tests.cloud.small_space import OFFICE_HOURS, SmallSpace

ANAS_CARD = bytes.fromhex("04a1b2c3d4e5f6")


@pytest.fixture
def work(database: Database) -> Iterator[Work]:
    with database.write() as db:
        yield Work(db, Scope(NETWORK), MONDAY_NOON)


@pytest.fixture
def space(config: Config, work: Work) -> SmallSpace:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    space.build(work)
    return space


def granted(rows: list[Row], holder: HolderId) -> set[str]:
    return {row.values[0] for row in rows if row.table == "grant_" and row.values[1] == holder}


def answer(work: Work, space: SmallSpace, holder: HolderId, door: str) -> Reason:
    rules, people = site_rules(work, space.site), people_of(work, space.keyring, [holder])
    return explain_question(rules, people, Question(holder, space.door(door), work.now)).decision.reason


def test_a_right_for_a_room_carries_the_doors_on_the_way_and_no_other(work: Work, space: SmallSpace) -> None:
    rules, people = site_rules(work, space.site), people_of(work, space.keyring)
    doors = {one.door for one in rules.entitlements(people) if one.holder == space.ana}
    assert doors == {space.door("street"), space.door("room")}


def test_the_way_is_the_shortest_from_the_street(work: Work, space: SmallSpace) -> None:
    found = routes(site_rules(work, space.site).place)
    assert found[space.zone("office")] == (space.door("street"), space.door("office"))


def test_each_controller_gets_its_own_doors_and_digests(work: Work, space: SmallSpace) -> None:
    space.give_card(work, space.ana, ANAS_CARD)
    service.publish_everywhere(work, space.keyring)
    street, office = (snapshot_rows(work, space.controller(door)) for door in ("street", "office"))
    assert granted(street, space.ana) == {space.door("street")}
    assert granted(office, space.ana) == set()
    keys = [next(row.values[0] for row in rows if row.table == "credential") for rows in (street, office)]
    assert keys[0] != keys[1]
    own = space.controller("street").encode().ljust(32, b".")
    assert keys[0] == credential_key(own, CredentialKind.UID, ANAS_CARD)


def test_publishing_twice_makes_no_second_version(work: Work, space: SmallSpace) -> None:
    assert len(service.publish_everywhere(work, space.keyring)) == 3
    assert service.publish_everywhere(work, space.keyring) == []


def test_a_delta_leads_from_one_set_to_the_next(work: Work, space: SmallSpace) -> None:
    card = space.give_card(work, space.ana, ANAS_CARD)
    service.publish_everywhere(work, space.keyring)
    street = space.controller("street")
    before = head_now(work, street)
    assert newest_delta(work, street) is None
    service.revoke_credential(work, card.id, "lost", space.keyring)
    delta = newest_delta(work, street)
    assert before is not None
    assert delta is not None
    assert (delta.from_version, delta.head.version) == (before.version, before.version + 1)
    assert changed_hash(before.set_hash, delta.changes) == delta.head.set_hash == set_hash(snapshot_rows(work, street))
    assert [change.after.values[4] & 1 for change in delta.changes if change.after] == [0]


def test_a_change_of_one_holder_equals_compiling_everything(work: Work, space: SmallSpace) -> None:
    card = space.give_card(work, space.ana, ANAS_CARD)
    service.publish_everywhere(work, space.keyring)
    members.revoke(work, card.id, "stolen")
    members.change_standing(work, space.contract, Standing.BLOCKED)
    assert len(service.publish_everywhere(work, space.keyring, [space.ana])) == 3
    assert service.publish_everywhere(work, space.keyring) == []


def test_every_version_leaves_news_in_the_same_transaction(work: Work, space: SmallSpace) -> None:
    service.publish_everywhere(work, space.keyring)
    told = work.db.execute(select(outbox.c.kind, outbox.c.subject)).all()
    assert {subject for kind, subject in told if kind == "rules.published"} == {
        space.controller(door) for door in ("street", "room", "office")
    }


def test_a_new_epoch_is_a_new_version_even_without_a_change(work: Work, space: SmallSpace) -> None:
    service.publish_everywhere(work, space.keyring)
    street = space.controller("street")
    before = head_now(work, street)
    places.raise_epoch(work)
    service.publish_everywhere(work, space.keyring)
    after = head_now(work, street)
    assert before is not None
    assert after is not None
    assert after.generation > before.generation
    assert after.set_hash == before.set_hash


def test_the_file_answers_the_lookup_of_a_door(work: Work, space: SmallSpace, tmp_path: Path) -> None:
    space.give_card(work, space.ana, ANAS_CARD)
    service.publish_everywhere(work, space.keyring)
    controller = space.controller("street")
    write_snapshot(tmp_path / "rules.db", snapshot_rows(work, controller), b"head", b"hash")
    key = credential_key(controller.encode().ljust(32, b"."), CredentialKind.UID, ANAS_CARD)
    with closing(sqlite3.connect(tmp_path / "rules.db")) as file:
        (found,) = file.execute(FACTS_QUERY, (key, space.door("street"))).fetchall()
        (body,) = file.execute("SELECT body FROM schedule WHERE id = ?", (found[7],)).fetchone()
    assert found[1] == space.ana
    assert decode(body, Schedule).covers(MONDAY_NOON)


def test_an_unpaid_contract_shuts_its_own_doors_and_no_others(work: Work, space: SmallSpace) -> None:
    space.give_card(work, space.ana, ANAS_CARD)
    office = replace(space.anas_contract(), id=space.anas_contract().id.__class__("second"), plan="office-plan")
    members_store.add_plan(work, replace(members_store.list_plans(work)[0], id="office-plan", name="Office"))
    level = space.add_level(work, "office", [Target(space.hours, zone=space.zone("office"))])
    access.link_plan(work, "office-plan", level)
    members_store.add_contracts(work, [office])
    members.change_standing(work, space.contract, Standing.BLOCKED)
    assert answer(work, space, space.ana, "room") is Reason.CONTRACT_NOT_IN_GOOD_STANDING
    assert answer(work, space, space.ana, "office") is Reason.GRANTED
    assert answer(work, space, space.ana, "street") is Reason.GRANTED


def test_no_billing_state_refuses_who_has_no_contract(work: Work, space: SmallSpace) -> None:
    space.give_card(work, space.cleaner, b"\x01\x02\x03\x04")
    far = replace(work, now=work.now + timedelta(days=365 * 20))
    assert answer(far, space, space.cleaner, "office") is Reason.GRANTED


def test_a_collection_moves_the_end_of_a_right(work: Work, space: SmallSpace) -> None:
    space.give_card(work, space.ana, ANAS_CARD)
    january = replace(work, now=work.now + timedelta(days=50))
    assert answer(january, space, space.ana, "room") is Reason.CONTRACT_NOT_IN_GOOD_STANDING
    members.accept_collection(work, space.contract, date(2027, 1, 31))
    assert answer(january, space, space.ana, "room") is Reason.GRANTED


def test_a_special_day_shuts_the_week_and_reaches_the_doors(work: Work, space: SmallSpace) -> None:
    space.give_card(work, space.ana, ANAS_CARD)
    service.publish_everywhere(work, space.keyring)
    made = service.set_special_day(work, SpecialDay(space.site, MONDAY_NOON.date(), "Strike", ()), space.keyring)
    assert [one.changed for one in made] == [1, 1, 1]
    assert answer(work, space, space.ana, "room") is Reason.OUT_OF_SCHEDULE
    assert answer(work, space, space.cleaner, "room") is Reason.UNKNOWN_CREDENTIAL


def test_a_rehearsal_says_who_gains_and_who_loses_and_changes_nothing(work: Work, space: SmallSpace) -> None:
    later = ((Window(10 * 60, 18 * 60),), *OFFICE_HOURS[1:5], (Window(600, 720),), ())
    found = service.rehearse_schedule(work, space.hours, later, space.keyring)
    assert found.gainers == found.losers == {space.ana}
    assert {effect.door for effect in found.effects} == {space.door("street"), space.door("room")}
    (gain,), (loss,) = found.effects[0].gains, found.effects[0].loses
    assert (gain.weekday, gain.window) == (5, Window(600, 720))
    assert (loss.weekday, loss.window) == (0, Window(540, 600))
    known = access.find_schedule(work, ScheduleId(space.hours))
    assert known
    assert known.week == OFFICE_HOURS


def test_a_changed_schedule_is_one_row_for_each_door(work: Work, space: SmallSpace) -> None:
    service.publish_everywhere(work, space.keyring)
    made = service.change_schedule(work, space.hours, ((), *OFFICE_HOURS[1:]), space.keyring)
    assert [one.changed for one in made] == [1, 1, 1]


def test_the_minutes_for_coming_back_reach_the_doors_and_stay_when_only_the_week_changes(
    work: Work, space: SmallSpace
) -> None:
    service.change_schedule(work, space.hours, OFFICE_HOURS, space.keyring, reentry_minutes=15)
    service.change_schedule(work, space.hours, ((), *OFFICE_HOURS[1:]), space.keyring)
    assert site_rules(work, space.site).schedule(space.hours).reentry_minutes == 15
    with pytest.raises(ScheduleInvalid, match="not within 0-240"):
        service.change_schedule(work, space.hours, OFFICE_HOURS, space.keyring, reentry_minutes=241)


def test_a_card_is_one_persons(work: Work, space: SmallSpace) -> None:
    space.give_card(work, space.ana, ANAS_CARD)
    with pytest.raises(members.CardTaken, match="enrolled already"):
        space.give_card(work, space.cleaner, ANAS_CARD)


def test_no_card_number_stands_in_the_database(work: Work, space: SmallSpace) -> None:
    space.give_card(work, space.ana, ANAS_CARD)
    service.publish_everywhere(work, space.keyring)
    values = [value for table in metadata.tables.values() for row in work.db.execute(select(table)) for value in row]
    kept = b"".join(value if isinstance(value, bytes) else str(value).encode() for value in values)
    assert b"Clean & Co" in kept
    assert ANAS_CARD not in kept
    assert ANAS_CARD.hex().encode() not in kept.lower()


def test_a_card_of_somebody_who_has_nothing_here_is_on_no_door(work: Work, space: SmallSpace) -> None:
    stranger = Holder(HolderId("stranger"), HolderKind.GUEST, "Stranger", site=space.site)
    members.welcome(work, [stranger])
    space.give_card(work, stranger.id, b"\x01\x02\x03\x04")
    space.give_card(work, space.ana, ANAS_CARD)
    service.publish_everywhere(work, space.keyring)
    rows = snapshot_rows(work, space.controller("street"))
    assert [row.values[2] for row in rows if row.table == "credential"] == [space.ana]


def test_a_terrace_behind_the_room_does_not_come_with_the_room(work: Work, space: SmallSpace) -> None:
    places.add_zone(work, Zone(space.zone("terrace"), space.site, "Terrace", space.zone("room")))
    out = Door(space.door("terrace"), space.site, "terrace", space.zone("terrace"), space.zone("room"))
    back = Door(space.door("back"), space.site, "back", space.zone("room"), space.zone("terrace"))
    for door in (out, back):
        places.add_door(work, door)
    doors = {one.door for one in site_rules(work, space.site).entitlements(people_of(work, space.keyring, [space.ana]))}
    assert doors == {space.door("street"), space.door("room")}


def test_what_one_level_takes_another_may_still_give(work: Work, space: SmallSpace) -> None:
    room = space.zone("room")
    access.link_plan(work, space.named("plan"), space.add_level(work, "always", [Target(ALWAYS, zone=room)]))
    access.link_holder(work, space.ana, space.add_level(work, "own", [Target(space.hours, zone=room)]))
    found = service.rehearse_schedule(work, space.hours, ((),) * 7, space.keyring)
    assert found.losers == frozenset()


def test_two_who_publish_at_once_make_two_versions_one_after_the_other(
    config: Config, database: Database, space: SmallSpace, work: Work
) -> None:
    service.publish_everywhere(work, space.keyring)
    work.db.commit()
    ready = threading.Barrier(2, timeout=30)
    rounds = 8

    def publisher(holder: HolderId) -> int:
        made = 0
        own = Database(config.database)  # as another process has it; the threads of one take turns anyway
        for number in range(rounds):
            ready.wait()
            with own.write() as db:
                mine = Work(db, Scope(NETWORK), MONDAY_NOON)
                space.give_card(mine, holder, f"{holder}-{number}".encode())
                made += len(service.publish_everywhere(mine, space.keyring, [holder]))
        own.close()
        return made

    with ThreadPoolExecutor(2) as pool:
        made = sum(pool.map(publisher, (space.ana, space.cleaner)))
    with database.read() as db:
        now = Work(db, Scope(NETWORK), MONDAY_NOON)
        street = access.newest_generation(now, space.controller("street"))
        rows = snapshot_rows(now, space.controller("street"))
    assert made == 2 * rounds * 3
    assert street is not None
    assert street.version == 1 + 2 * rounds
    assert street.set_hash == set_hash(rows)
    assert len([row for row in rows if row.table == "credential"]) == 2 * rounds
