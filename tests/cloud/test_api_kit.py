"""Keys of writes, pages of lists, editions and problems, each as a program meets them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from aldaba_cloud.api import idempotency
from aldaba_cloud.api.idempotency import idempotency_keys
from aldaba_cloud.auth.models import Role
from aldaba_cloud.bookings.store import bookings
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import Holder, HolderKind
from aldaba_shared.ids import HolderId
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK, account, sign_in
from tests.cloud.small_space import SmallSpace

ROOM = {"site": BARCELONA, "kind": "room", "name": "Sala A", "seats": 8}


class Program:
    """A program that uses the API as an admin."""

    def __init__(self, browser: TestClient, space: SmallSpace, csrf: dict[str, str]) -> None:
        self.browser, self.space, self.csrf = browser, space, csrf

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Any:  # noqa: ANN401 -- httpx's answer
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.browser.request(method, f"/api/v1/{path}", json=body, headers=self.csrf | named)


@pytest.fixture
def program(browser: TestClient, database: Database, config: Config) -> Program:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    with database.write() as db:
        space.build(Work(db, Scope(NETWORK), MONDAY_NOON))
    account(database, config, "root@example.org", Role.ADMIN)
    return Program(browser, space, sign_in(browser, "root@example.org"))


@pytest.fixture
def room(program: Program) -> str:
    made = program.send("POST", "resources", ROOM)
    program.send("POST", "prices", {"site": BARCELONA, "name": "public", "hour_cents": 3000})
    return str(made.json()["id"])


def booking_of(program: Program, room: str) -> dict[str, object]:
    return {
        "resource": room,
        "host": program.space.ana,
        "start": "2026-11-24T09:00",
        "end": "2026-11-24T10:00",
    }


def test_a_write_sent_again_with_its_key_is_done_once_and_answered_alike(program: Program, room: str) -> None:
    wanted = booking_of(program, room)
    first = program.send("POST", "bookings", wanted, idempotency_key="k1")
    again = program.send("POST", "bookings", wanted, idempotency_key="k1")
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    assert program.send("POST", "bookings", wanted, idempotency_key="k2").json()["code"] == "slot_taken"


def test_a_key_stands_for_one_request_alone(program: Program, room: str) -> None:
    wanted = booking_of(program, room)
    program.send("POST", "bookings", wanted, idempotency_key="k1")
    for path, body in (("bookings", wanted | {"title": "Other"}), ("bookings/price", wanted)):
        refused = program.send("POST", path, body, idempotency_key="k1")
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")


def test_a_refused_write_keeps_no_answer(program: Program, room: str) -> None:
    wanted = booking_of(program, room) | {"resource": "nothing"}
    assert program.send("POST", "bookings", wanted, idempotency_key="k1").status_code == 404
    wanted["resource"] = room
    assert program.send("POST", "bookings", wanted, idempotency_key="k1").status_code == 201


def test_two_at_once_with_one_key_have_one_effect(program: Program, room: str, database: Database) -> None:
    wanted = booking_of(program, room)
    with ThreadPoolExecutor(4) as senders:
        sent = [senders.submit(program.send, "POST", "bookings", wanted, idempotency_key="k1") for _ in range(8)]
        answers = {(one.result().status_code, one.result().content) for one in sent}
    assert [status for status, _ in answers] == [201]
    with database.read() as db:
        assert db.execute(select(func.count()).select_from(bookings)).scalar() == 1


def test_a_key_is_its_accounts_own(program: Program, room: str, database: Database, config: Config) -> None:
    wanted = booking_of(program, room)
    program.send("POST", "bookings", wanted, idempotency_key="k1")
    account(database, config, "two@example.org", Role.ADMIN)
    program.csrf = sign_in(program.browser, "two@example.org")
    assert program.send("POST", "bookings", wanted, idempotency_key="k1").json()["code"] == "slot_taken"


def test_an_answer_that_tells_a_secret_is_kept_sealed(program: Program, database: Database) -> None:
    path = f"holders/{program.space.ana}/pin"
    told = program.send("POST", path, {"duress": False}, idempotency_key="k1").json()
    assert program.send("POST", path, {"duress": False}, idempotency_key="k1").json() == told
    with database.read() as db:
        (kept,) = db.execute(select(idempotency_keys.c.answer)).scalars()
    assert kept
    assert told["pin"].encode() not in kept


def test_keys_are_forgotten_after_two_days_and_not_before(program: Program, room: str, database: Database) -> None:
    program.send("POST", "bookings", booking_of(program, room), idempotency_key="k1")
    with database.write() as db:
        assert idempotency.forget_before(db, MONDAY_NOON + timedelta(hours=25) - idempotency.KEPT) == 0
        assert idempotency.forget_before(db, MONDAY_NOON + timedelta(hours=49) - idempotency.KEPT) == 1


def walked(program: Program, path: str) -> Iterator[dict[str, Any]]:
    """Every row of a list, page after page."""
    at = f"/api/v1/{path}"
    while True:
        answer = program.browser.get(at)
        yield from answer.json()
        if "next" not in answer.links:
            return
        at = answer.links["next"]["url"]


def test_pages_show_what_was_there_once_whatever_is_added_meanwhile(program: Program, database: Database) -> None:
    def add(name: str) -> None:
        with database.write() as db:
            work = Work(db, Scope(NETWORK), MONDAY_NOON)
            members.add_holders(work, [replace(EVA, id=HolderId(f"mbr_{name}"), name=name)])

    for name in ("Berta", "Dídac", "Dídac B", "Fina"):
        add(name)
    before = [one["id"] for one in walked(program, "holders")]
    seen = []
    for number, one in enumerate(walked(program, "holders?limit=1")):
        seen.append(one["id"])
        if number in {1, 3}:
            add(f"A{number}")
            add(f"Z{number}")
    assert [one for one in seen if one in before] == before
    assert len(seen) == len(set(seen))


EVA = Holder(id=HolderId("mbr_eva"), site=BARCELONA, kind=HolderKind.MEMBER, name="Eva")


def test_pages_of_a_small_list_join_without_gap_or_overlap(program: Program) -> None:
    for number in range(5):
        program.send("POST", "resources", ROOM | {"name": f"Sala {number % 2}", "seats": 4 + number % 3})
    whole = program.browser.get("/api/v1/resources").json()
    assert list(walked(program, "resources?limit=2&seats=2")) == whole
    assert len(whole) == 5


def test_whoever_has_an_edition_is_told_so_and_changes_only_what_they_saw(program: Program, room: str) -> None:
    path = f"resources/{room}"
    first = program.send("GET", path)
    tag = first.headers["etag"]
    known = program.send("GET", path, if_none_match=tag)
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
    changed = program.send("PUT", path, ROOM | {"seats": 10}, if_match=tag)
    assert (changed.status_code, changed.headers["etag"] == tag) == (200, False)
    late = program.send("PUT", path, ROOM | {"seats": 12}, if_match=tag)
    assert (late.status_code, late.json()["code"]) == (412, "outdated")
    assert program.send("GET", path, if_none_match=tag).json()["seats"] == 10
    assert program.send("PUT", path, ROOM | {"seats": 12}, if_match="*").json()["seats"] == 12


def test_bookings_schedules_and_special_days_have_editions(program: Program, room: str) -> None:
    made = program.send("POST", "bookings", booking_of(program, room)).json()["id"]
    day = f"sites/{BARCELONA}/special-days/2026-12-25"
    program.send("PUT", day, {"name": "Christmas", "windows": []})
    week = {"week": [[[540, 1080]]] * 7}
    changes = {
        f"bookings/{made}": ("POST", f"bookings/{made}/move", {"start": "2026-11-25T09:00", "end": "2026-11-25T10:00"}),
        f"schedules/{program.space.hours}": ("PUT", f"schedules/{program.space.hours}", week),
        day: ("PUT", day, {"name": "Nadal", "windows": []}),
    }
    for path, (method, where, body) in changes.items():
        tag = program.send("GET", path).headers["etag"]
        assert program.send("GET", path, if_none_match=f'"other", {tag}').status_code == 304
        assert program.send(method, where, body, if_match='"other"').status_code == 412
        assert program.send(method, where, body, if_match=tag).status_code == 200
        assert program.send("GET", path, if_none_match=tag).status_code == 200


def test_a_wrong_body_names_each_field(program: Program) -> None:
    told = program.send("POST", "resources?x=1", ROOM | {"seats": 0, "rules": {"step": 0}}).json()
    assert [one["pointer"] for one in told["errors"]] == ["/seats", "/rules/step"]
    asked = program.send("GET", "resources?seats=none").json()
    assert [one["parameter"] for one in asked["errors"]] == ["seats"]
