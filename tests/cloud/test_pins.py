"""PINs in the cloud: shown once, one person's alone, on every door as digests, and an alarm when one calls for help."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from msgspec.structs import replace
from sqlalchemy import select

from aldaba_cloud.access import pins
from aldaba_cloud.access.explain import Question
from aldaba_cloud.access.publish import snapshot_rows
from aldaba_cloud.access.service import explain_access
from aldaba_cloud.auth.models import Role
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work, metadata
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.fleet.filing import file_lines
from aldaba_cloud.keyring import Keyring
from aldaba_shared.decide import Decision, DoorNow, PresenceNow, Presented, Side
from aldaba_shared.door_rules import read_door, setting
from aldaba_shared.events import AccessDecided, Line, write_line
from aldaba_shared.ids import CredentialId, DoorId, HolderId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential, Facts
from aldaba_shared.snapshot import DURESS, ENABLED
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK, account, sign_in
from tests.cloud.small_space import SmallSpace


@pytest.fixture
def space(config: Config, database: Database) -> SmallSpace:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    with database.write() as db:
        space.build(Work(db, Scope(NETWORK), MONDAY_NOON))
    return space


@pytest.fixture
def operator(browser: TestClient, database: Database, config: Config) -> TestClient:
    account(database, config, "op@example.org", Role.OPERATOR, BARCELONA)
    browser.headers.update(sign_in(browser, "op@example.org"))
    return browser


@pytest.fixture
def admin(browser: TestClient, database: Database, config: Config) -> TestClient:
    account(database, config, "admin@example.org", Role.ADMIN, BARCELONA)
    browser.headers.update(sign_in(browser, "admin@example.org"))
    return browser


def made(operator: TestClient, space: SmallSpace, *, duress: bool = False) -> dict[str, Any]:
    answer = operator.post(f"/api/v1/holders/{space.ana}/pin", json={"duress": duress})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def flags(database: Database, space: SmallSpace, digits: str) -> list[int]:
    """The flags of a PIN at the street door; empty when the door does not know it."""
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        key = controller_keys(work, space.keyring)[space.controller("street")]
        rows = snapshot_rows(work, space.controller("street"))
    digest = credential_key(key.paired, CredentialKind.PIN, digits.encode())
    return [row.values[4] for row in rows if row.table == "credential" and row.values[0] == digest]


@pytest.mark.feature(182)
def test_a_pin_is_told_once_reaches_the_doors_and_ends_the_one_before(
    operator: TestClient, database: Database, space: SmallSpace
) -> None:
    first = made(operator, space)
    assert first["duress_pin"] is None
    assert flags(database, space, first["pin"]) == [ENABLED]
    second = made(operator, space, duress=True)
    assert flags(database, space, first["pin"]) == [0]
    assert flags(database, space, second["pin"]) == [ENABLED]
    assert flags(database, space, second["duress_pin"]) == [ENABLED | DURESS]
    assert operator.delete(f"/api/v1/holders/{space.ana}/pin").status_code == 204
    assert flags(database, space, second["pin"]) == [0]


def test_no_table_holds_the_digits_of_a_pin(operator: TestClient, database: Database, space: SmallSpace) -> None:
    told = made(operator, space, duress=True)
    with database.read() as db:
        kept = "".join(str(row) for table in metadata.sorted_tables for row in db.execute(select(table)))
    assert told["pin"] not in kept
    assert told["duress_pin"] not in kept
    assert told["pin"] not in operator.get(f"/api/v1/holders/{space.ana}/credentials").text


def test_a_pin_of_duress_is_no_slip_of_a_finger_away_and_a_pin_is_never_given_twice(
    database: Database, space: SmallSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter((123456, 123456, 123457, 123459, 183476))
    monkeypatch.setattr("aldaba_cloud.access.pins.secrets.randbelow", lambda _below: next(drawn))
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        assert pins.set_pin(work, space.cleaner, space.keyring, duress=False).pin == "123456"
        assert pins.set_pin(work, space.ana, space.keyring, duress=True) == pins.PinsMade("123457", "183476")


def test_an_admin_says_at_a_door_when_a_pin_is_asked_for_and_the_door_learns_it(
    admin: TestClient, database: Database, space: SmallSpace
) -> None:
    door = space.door("room")
    said = {"second_factor": space.hours, "persons": "2", "csrf_token": admin.headers["x-csrf-token"]}
    assert admin.post(f"/admin/doors/{door}/factors", data=said, follow_redirects=False).status_code == 303
    with database.read() as db:
        rows = snapshot_rows(Work(db, Scope(NETWORK), MONDAY_NOON), space.controller("room"))
    (body,) = [row.values[1] for row in rows if row.table == "setting" and row.values[0] == setting(door)]
    rules = read_door(body)
    assert (rules.second_factor, rules.pin_alone, rules.persons) == (space.hours, False, 2)


def test_only_a_pin_of_duress_that_was_answered_is_an_alarm() -> None:
    def line(credential: Credential | None) -> bytes:
        shown = Presented(DoorId("street"), Side.IN, CredentialKind.PIN, MONDAY_NOON)
        decision = Decision(Reason.GRANTED, credential.holder if credential else None)
        told = AccessDecided(shown, Facts(credential), PresenceNow(), DoorNow(), decision)
        return write_line(Line(1, MONDAY_NOON, "boot", 0, 0, told))

    own = Credential(CredentialId("c"), HolderId("ana"), CredentialKind.PIN)
    mocking = replace(own, id=CredentialId('"duress":true'))
    found = [file_lines(1, [line(one)], [bytes(32)], MONDAY_NOON)[0].duress for one in (own, None, mocking)]
    assert found == [False, False, False]
    assert file_lines(1, [line(replace(own, duress=True))], [bytes(32)], MONDAY_NOON)[0].duress


def test_explaining_says_who_lacks_the_pin_that_a_door_asks_for(
    admin: TestClient, database: Database, space: SmallSpace
) -> None:
    door, hours = space.door("room"), space.hours
    said = {"second_factor": hours, "csrf_token": admin.headers["x-csrf-token"]}
    admin.post(f"/admin/doors/{door}/factors", data=said)
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        space.give_card(work, space.ana, b"\x01\x02\x03\x04")
        asked = Question(space.ana, door, MONDAY_NOON)
        without = explain_access(work, asked, space.keyring).decision.reason
        later = explain_access(work, Question(space.ana, door, MONDAY_NOON + timedelta(hours=9)), space.keyring)
        pins.set_pin(work, space.ana, space.keyring, duress=False)
        with_pin = explain_access(work, asked, space.keyring).decision.reason
    assert (without, with_pin) == (Reason.SECOND_FACTOR_NEEDED, Reason.GRANTED)
    assert later.decision.reason is Reason.OUT_OF_SCHEDULE
