"""Nobody reaches another site: every route is walked with another site's ids."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import inspect

from aldaba_cloud.access import passes, service
from aldaba_cloud.auth.models import Role
from aldaba_cloud.billing import service as billing
from aldaba_cloud.billing import store as billing_store
from aldaba_cloud.bookings import service as bookings
from aldaba_cloud.bookings import store as bookings_store
from aldaba_cloud.bookings.models import Request, Resource, ResourceId, ResourceKind, SeriesId, Span
from aldaba_cloud.bookings.prices import PriceRule
from aldaba_cloud.config import Config
from aldaba_cloud.db import ALL_SITES, Database, OutOfScope, Scope, Work, metadata
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members.terms import BillTo
from aldaba_cloud.pricing.models import PriceLine
from aldaba_cloud.schema import tables
from aldaba_cloud.tasks import service as tasks
from aldaba_cloud.tasks.service import NewTask
from tests.cloud.billed_space import ISSUER
from tests.cloud.conftest import BARCELONA, GIRONA, MONDAY_NOON, NETWORK, account, sign_in
from tests.cloud.small_space import SmallSpace

BODIES: dict[str, object] = {
    "change_schedule": {"week": [[]] * 7},
    "rehearse_schedule": {"week": [[]] * 7},
    "set_special_day": {"name": "Strike", "windows": []},
    "issue_credential": {"kind": "uid", "number": "0011223344", "label": "card"},
    "revoke_credential": {"because": "lost"},
    "set_pin": {"duress": False},
    "give_task": {"owner": None},
}
MOVED = {"start": "2026-11-24T10:00", "end": "2026-11-24T11:00"}


@pytest.fixture
def both(database: Database, config: Config) -> dict[str, SmallSpace]:
    keyring = Keyring(config.key_dir)
    spaces = {"here": SmallSpace(BARCELONA, keyring), "there": SmallSpace(GIRONA, keyring)}
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        make_keys(keyring, config.state_dir / "root.key", MONDAY_NOON)
        for number, space in enumerate(spaces.values()):
            space.build(work)
            space.give_card(work, space.ana, bytes([4, number, 1, 2, 3, 4, 5]))
            wanted = passes.PassWanted(
                space.ana, "Rita", MONDAY_NOON, MONDAY_NOON + timedelta(hours=1), zone=space.zone("room")
            )
            passes.issue_pass(replace(work, new_id=space.named), wanted, keyring)
            book_room(replace(work, new_id=space.named), space)
            invoice(replace(work, new_id=space.named), space)
            tasks.open_task(replace(work, new_id=space.named), NewTask(space.site, title="Water the plants"))
        service.publish_everywhere(work, keyring)
    return spaces


def invoice(work: Work, space: SmallSpace) -> None:
    """A final invoice of somebody of the site."""
    issuer = replace(ISSUER, id=space.named("iss"), site=space.site, prefix=space.named(""), live=False)
    billing_store.add_issuer(work, issuer)
    made = billing.draft(work, space.site, BillTo(space.ana, "Ana", site=space.site), [PriceLine("Day", "", 2000)])
    billing.finalise(work, made.head.id)


def book_room(work: Work, space: SmallSpace) -> None:
    """A room with its price, and a booking of it that is one of a series."""
    room = Resource(ResourceId(space.named("res")), space.site, ResourceKind.ROOM, "Sala", 4, space.zone("room"))
    bookings_store.add_resource(work, room)
    bookings_store.add_price_rule(work, PriceRule(space.named("prc"), "any", 0, site=space.site))
    span = Span(MONDAY_NOON + timedelta(hours=1), MONDAY_NOON + timedelta(hours=2))
    request = Request(room.id, space.ana, span, series=SeriesId(space.named("ser")))
    bookings.book(work, request)


def walk(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    """Method, path and name of every route of the API whose address names a thing of a site."""
    for path, methods in app.openapi()["paths"].items():
        for method, told in methods.items():
            own = path.startswith("/api/v1/my/")
            if "{" in path and "session" not in told["tags"] and not own:
                yield method.upper(), path, told["summary"].lower().replace(" ", "_")


def body(name: str, space: SmallSpace) -> object:
    room = {"site": space.site, "kind": "room", "name": "Sala", "seats": 4}
    own = {"contract": space.contract, "from_on": "2027-01-01"}
    return {"assign_resource": own, "change_resource": room, "move_booking": MOVED}.get(name, BODIES.get(name))


def address(path: str, space: SmallSpace, credential: str) -> str:
    return path.format(
        site_id=space.site,
        holder_id=space.ana,
        schedule_id=space.hours,
        credential_id=credential,
        controller_id=space.controller("street"),
        door_id=space.door("street"),
        zone_id=space.zone("floor"),
        pass_id=space.named("pas"),
        resource_id=space.named("res"),
        price_id=space.named("prc"),
        booking_id=space.named("bkg"),
        series_id=space.named("ser"),
        wait_id=space.named("wai"),
        invoice_id=space.named("inv"),
        contract_id=space.contract,
        task_id=space.named("tsk"),
        journal="j1",
        sequence=1,
        day="2026-12-25",
    )


def card_of(browser: TestClient, space: SmallSpace) -> str:
    return str(browser.get(f"/api/v1/holders/{space.ana}/credentials").json()[0]["id"])


def test_every_route_answers_404_for_another_sites_things(
    app: FastAPI, browser: TestClient, database: Database, config: Config, both: dict[str, SmallSpace]
) -> None:
    account(database, config, "root@example.org", Role.ADMIN)
    account(database, config, "here@example.org", Role.ADMIN, BARCELONA)
    sign_in(browser, "root@example.org")
    cards = {name: card_of(browser, space) for name, space in both.items()}
    header = sign_in(browser, "here@example.org")
    walked = sorted(walk(app), key=lambda one: one[2] == "unname_person")  # what needs a named person goes first
    assert len(walked) >= 10
    for method, path, name in walked:
        answers = {
            where: browser.request(
                method, address(path, space, cards[where]), headers=header, json=body(name, space)
            ).status_code
            for where, space in both.items()
        }
        assert answers["there"] == 404, path
        over = "{booking_id}" in path and answers["here"] == 422
        assert answers["here"] in {200, 201, 204} or over or name == "explain_event", (path, answers)


def test_a_members_own_routes_know_nobody_elses_things(
    app: FastAPI, browser: TestClient, database: Database, config: Config, both: dict[str, SmallSpace]
) -> None:
    space = both["here"]
    account(database, config, "cleaner@example.org", Role.MEMBER, holder=space.cleaner)
    header = sign_in(browser, "cleaner@example.org")
    paths = [(path, how) for path, how in app.openapi()["paths"].items() if path.startswith("/api/v1/my/")]
    named = [(method.upper(), path) for path, how in paths for method in how if "{" in path]
    assert len(named) >= 6
    for method, path in named:
        answer = browser.request(method, address(path, space, ""), headers=header, json=MOVED)
        assert answer.status_code == 404, path


def test_lists_show_only_the_callers_sites(
    browser: TestClient, database: Database, config: Config, both: dict[str, SmallSpace]
) -> None:
    account(database, config, "here@example.org", Role.OPERATOR, BARCELONA)
    sign_in(browser, "here@example.org")
    for path in ("/api/v1/sites", "/api/v1/holders", "/api/v1/schedules", "/api/v1/rules"):
        told = browser.get(path).text
        assert both["here"].site in told, path
        assert both["there"].site not in told, path


@pytest.mark.feature(115)
def test_a_sites_operator_finds_their_people_and_the_owner_finds_everybody(
    browser: TestClient, database: Database, config: Config, both: dict[str, SmallSpace]
) -> None:
    account(database, config, "here@example.org", Role.OPERATOR, BARCELONA)
    account(database, config, "owner@example.org", Role.NETWORK_OWNER)
    found = {}
    for email in ("here@example.org", "owner@example.org"):
        sign_in(browser, email)
        found[email] = {one["id"] for one in browser.get("/api/v1/holders").json()}
    everybody = {person for space in both.values() for person in (space.ana, space.cleaner)}
    assert found["owner@example.org"] == everybody
    assert found["here@example.org"] == {both["here"].ana, both["here"].cleaner}


def test_a_what_if_about_another_sites_door_or_person_is_a_404(
    browser: TestClient, database: Database, config: Config, both: dict[str, SmallSpace]
) -> None:
    account(database, config, "here@example.org", Role.OPERATOR, BARCELONA)
    sign_in(browser, "here@example.org")
    here, there = both["here"], both["there"]

    def ask(holder: SmallSpace, door: SmallSpace) -> int:
        query = {"holder": holder.ana, "door": door.door("street")}
        return browser.get("/api/v1/explanation", params=query).status_code

    assert (ask(here, here), ask(here, there), ask(there, here)) == (200, 404, 404)


def test_an_operator_may_not_change_schedules(
    browser: TestClient, database: Database, config: Config, both: dict[str, SmallSpace]
) -> None:
    account(database, config, "op@example.org", Role.OPERATOR, BARCELONA)
    header = sign_in(browser, "op@example.org")
    answer = browser.put(f"/api/v1/schedules/{both['here'].hours}", headers=header, json={"week": [[]] * 7})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_every_table_carries_network_and_site(database: Database) -> None:
    with database.read() as db:
        kept = set(inspect(db).get_table_names()) - {"alembic_version"}
    assert kept == set(tables)
    assert all({"network_id", "site_id"} <= set(table.c.keys()) for table in metadata.tables.values())
    assert not any(table.c.site_id.nullable or table.c.network_id.nullable for table in metadata.tables.values())


def test_rows_of_the_whole_network_are_read_at_a_site_and_written_from_above(database: Database) -> None:
    with database.read() as db:
        clerk = Work(db, Scope(NETWORK, frozenset({BARCELONA})), MONDAY_NOON)
        with pytest.raises(OutOfScope, match="no site"):
            clerk.stamp(ALL_SITES)
