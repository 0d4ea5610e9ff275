"""A member makes a phone a key: its public half reaches the doors, and a phone that is lost stops opening."""

from base64 import b64encode
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aldaba_cloud.access import service
from aldaba_cloud.access.phones import MOST_PHONES
from aldaba_cloud.access.publish import snapshot_rows
from aldaba_cloud.auth.models import Role
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.keyring import Keyring
from aldaba_shared.ids import ControllerId, CredentialId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.snapshot import ENABLED
from aldaba_sim.phone import SimulatedPhone
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK, account, sign_in
from tests.cloud.small_space import SmallSpace


@pytest.fixture
def space(config: Config, database: Database) -> SmallSpace:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    with database.write() as db:
        space.build(Work(db, Scope(NETWORK), MONDAY_NOON))
    return space


@pytest.fixture
def ana(browser: TestClient, database: Database, config: Config, space: SmallSpace) -> TestClient:
    account(database, config, "ana@example.org", Role.MEMBER, BARCELONA, holder=space.ana)
    browser.headers.update(sign_in(browser, "ana@example.org"))
    return browser


def wanted(phone: SimulatedPhone) -> dict[str, str]:
    return {"public_key": b64encode(phone.public).decode(), "label": "Mòbil"}


def row_of(database: Database, controller: ControllerId, table: str, digest: bytes) -> tuple[Any, ...]:
    with database.read() as db:
        rows = snapshot_rows(Work(db, Scope(NETWORK), MONDAY_NOON), controller)
    (found,) = [row.values for row in rows if row.table == table and row.values[0] == digest]
    return found


@pytest.mark.feature(35)
def test_a_phone_that_was_enrolled_is_known_to_every_door_and_is_off_when_it_is_lost(
    ana: TestClient, database: Database, space: SmallSpace
) -> None:
    phone = SimulatedPhone.fresh()
    answer = ana.post("/api/v1/me/phones", json=wanted(phone))
    assert answer.status_code == 201, answer.text
    assert answer.json()["key_id"] == phone.key_id.hex()
    assert phone.key_id.hex() in ana.get("/me/phone").text
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        keys = controller_keys(work, space.keyring)
    for controller, key in keys.items():
        digest = credential_key(key.paired, CredentialKind.PHONE, phone.key_id)
        assert row_of(database, controller, "public_key", digest)[2] == phone.public
        assert row_of(database, controller, "credential", digest)[4] & ENABLED
    with database.write() as db:
        lost = CredentialId(answer.json()["credential"])
        service.revoke_credential(Work(db, Scope(NETWORK), MONDAY_NOON), lost, "lost", space.keyring)
    assert not row_of(database, controller, "credential", digest)[4] & ENABLED
    assert phone.key_id.hex() not in ana.get("/me/phone").text


def test_no_more_phones_than_a_person_has_hands_for_and_none_twice(ana: TestClient) -> None:
    phones = [SimulatedPhone.fresh() for _ in range(MOST_PHONES)]
    answers = [ana.post("/api/v1/me/phones", json=wanted(one)).status_code for one in (phones[0], *phones)]
    assert answers == [201, 409, 201, 201, 201, 201]
    assert ana.post("/api/v1/me/phones", json=wanted(SimulatedPhone.fresh())).status_code == 422


def test_a_key_that_is_no_point_of_the_curve_is_no_phone(ana: TestClient) -> None:
    answer = ana.post("/api/v1/me/phones", json={"public_key": b64encode(b"\x04" + bytes(64)).decode(), "label": "x"})
    assert answer.status_code == 422
    assert "P-256" in answer.text


def test_the_cloud_tells_a_phone_the_time(ana: TestClient) -> None:
    assert ana.get("/api/v1/me/clock").json() == {"now_ms": round(MONDAY_NOON.timestamp() * 1000)}
