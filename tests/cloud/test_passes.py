"""Visitor passes: what they open, who may see them, and that taking one back reaches the doors."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from qrcode.util import MODE_ALPHA_NUM, QRData
from sqlalchemy import select

from aldaba_cloud.access import passes as service
from aldaba_cloud.access import store
from aldaba_cloud.access.publish import snapshot_rows
from aldaba_cloud.auth.models import Role
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work, metadata
from aldaba_cloud.fleet.keys import load_keys, make_keys
from aldaba_cloud.keyring import Keyring
from aldaba_shared import passes
from aldaba_shared.envelope import KeyRing
from aldaba_shared.messages import Kind
from aldaba_shared.passes import Pass
from aldaba_shared.reasons import Reason
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK, HandClock, account, sign_in
from tests.cloud.small_space import SmallSpace

TILL_SIX = MONDAY_NOON + timedelta(hours=6)


@pytest.fixture
def space(config: Config, database: Database) -> SmallSpace:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    make_keys(space.keyring, config.state_dir / "root.key", MONDAY_NOON)
    with database.write() as db:
        space.build(Work(db, Scope(NETWORK), MONDAY_NOON))
    return space


@pytest.fixture
def operator(browser: TestClient, database: Database, config: Config) -> TestClient:
    account(database, config, "op@example.org", Role.OPERATOR, BARCELONA)
    browser.headers.update(sign_in(browser, "op@example.org"))
    return browser


def wanted(space: SmallSpace, **changed: object) -> dict[str, object]:
    asked = {
        "host": space.ana,
        "visitor": "Rita",
        "zone": space.zone("room"),
        "valid_from": MONDAY_NOON.isoformat(),
        "valid_until": TILL_SIX.isoformat(),
        "uses": 3,
    }
    return asked | changed


def issued(operator: TestClient, space: SmallSpace) -> dict[str, Any]:
    answer = operator.post("/api/v1/passes", json=wanted(space))
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def text_of(database: Database, space: SmallSpace, name: str) -> str:
    with database.read() as db:
        found = service.find_pass(Work(db, Scope(NETWORK), MONDAY_NOON), name)
    return service.text_of(found, space.keyring)


def read(space: SmallSpace, text: str) -> Pass:
    ring = KeyRing([load_keys(space.keyring).working.public(Kind.PASS)])
    found = passes.read(text.encode(), ring)
    assert isinstance(found, Pass), found
    return found


def test_a_pass_opens_the_way_to_the_room_for_its_time_and_uses_and_nothing_else(
    operator: TestClient, database: Database, space: SmallSpace
) -> None:
    told = issued(operator, space)
    shown = read(space, text_of(database, space, told["id"]))
    assert set(shown.doors) == {space.door("street"), space.door("room")} == set(told["doors"])
    assert (shown.valid_from, shown.valid_until, shown.uses) == (MONDAY_NOON, TILL_SIX, 3)
    assert shown.holder == told["id"] != space.ana, "a visitor who comes in must not move the host"
    office = passes.facts(shown, door=space.door("office"), site=BARCELONA, uses_so_far=0, cancelled=())
    assert office.refusal is Reason.PASS_WRONG_DOOR


def test_the_visitor_needs_nothing_but_the_link_until_the_pass_ends(
    operator: TestClient, space: SmallSpace, clock: HandClock
) -> None:
    told = issued(operator, space)
    operator.delete("/api/v1/session")
    operator.cookies.clear()
    answer = operator.get(told["link"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert b"<svg" in answer.content
    assert answer.headers["cache-control"] == "no-store"
    assert operator.get(told["link"][:-1]).status_code == 404
    assert operator.get(f"/api/v1/passes/{told['id']}/qr.svg").status_code == 401
    clock.turn(hours=7)
    assert operator.get(told["link"]).status_code == 404


def test_neither_the_text_nor_the_link_is_kept(operator: TestClient, database: Database, space: SmallSpace) -> None:
    told = issued(operator, space)
    link = told["link"].rsplit("/", 1)[1]
    with database.read() as db:
        kept = repr([db.execute(select(table)).all() for table in metadata.sorted_tables])
    assert told["id"] in kept
    assert link not in kept
    assert text_of(database, space, told["id"])[:40] not in kept


def test_the_code_is_in_alphanumeric_mode(operator: TestClient, database: Database, space: SmallSpace) -> None:
    text = text_of(database, space, issued(operator, space)["id"])
    assert QRData(text.encode()).mode == MODE_ALPHA_NUM
    assert service.drawn(text).startswith(b"<?xml")


def test_a_pass_that_was_taken_back_is_refused_by_every_door_of_the_site(
    operator: TestClient, database: Database, space: SmallSpace
) -> None:
    told = issued(operator, space)
    shown = read(space, text_of(database, space, told["id"]))
    assert operator.delete(f"/api/v1/passes/{told['id']}").json()["cancelled_at"] is not None
    assert operator.delete(f"/api/v1/passes/{told['id']}").status_code == 200
    assert operator.get(told["link"]).status_code == 404
    for door in ("street", "room", "office"):
        with database.read() as db:
            rows = snapshot_rows(Work(db, Scope(NETWORK), MONDAY_NOON), space.controller(door))
        [body] = [row.values[1] for row in rows if row.key == ("cancelled_passes",)]
        facts = passes.facts(
            shown, door=space.door("street"), site=BARCELONA, uses_so_far=0, cancelled=passes.read_cancelled(body)
        )
        assert facts.credential is not None
        assert not facts.credential.enabled


def test_a_pass_that_ended_leaves_the_rules_and_then_the_books(
    operator: TestClient, database: Database, space: SmallSpace
) -> None:
    operator.delete(f"/api/v1/passes/{issued(operator, space)['id']}")
    with database.write() as db:
        tomorrow = Work(db, Scope(NETWORK), MONDAY_NOON + timedelta(days=1))
        assert store.load_levels(tomorrow, BARCELONA).cancelled_passes == ()
        assert store.forget_passes(tomorrow, tomorrow.now) == 1
    assert operator.get("/api/v1/passes").json() == []


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        pytest.param({"zone": None}, 422, id="nowhere"),
        pytest.param({"door": "x"}, 422, id="two places"),
        pytest.param({"zone": "no-zone"}, 404, id="an unknown zone"),
        pytest.param({"host": "nobody"}, 404, id="an unknown host"),
        pytest.param({"uses": 0}, 422, id="no use"),
        pytest.param({"valid_until": MONDAY_NOON.isoformat()}, 422, id="no time"),
        pytest.param({"valid_until": (MONDAY_NOON + timedelta(days=40)).isoformat()}, 422, id="too long"),
    ],
)
def test_a_pass_that_makes_no_sense_is_refused(
    operator: TestClient, space: SmallSpace, changed: dict[str, object], status: int
) -> None:
    answer = operator.post("/api/v1/passes", json=wanted(space, **changed))
    assert answer.status_code == status, answer.text
    assert operator.get("/api/v1/passes").json() == []
