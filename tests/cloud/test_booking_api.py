"""Bookings as a program and a member's browser see them."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from icalendar import Calendar

from aldaba_cloud.auth.models import Role
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.keyring import Keyring
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK, HandClock, account, sign_in
from tests.cloud.small_space import SmallSpace

ROOM = {"site": BARCELONA, "kind": "room", "name": "Sala A", "seats": 8, "equipment": ["projector", "whiteboard"]}


class Api:
    """Somebody signed in, and the space they run."""

    def __init__(self, browser: TestClient, space: SmallSpace, header: dict[str, str]) -> None:
        self.browser, self.space, self.header = browser, space, header

    def post(self, path: str, status: int = 201, /, **body: object) -> Any:  # noqa: ANN401 -- what JSON says
        answer = self.browser.post(f"/api/v1/{path}", headers=self.header, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 -- what JSON says
        answer = self.browser.get(f"/api/v1/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def api(browser: TestClient, database: Database, config: Config) -> Api:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    with database.write() as db:
        space.build(Work(db, Scope(NETWORK), MONDAY_NOON))
    account(database, config, "root@example.org", Role.ADMIN)
    account(database, config, "ana@example.org", Role.MEMBER, holder=space.ana)
    return Api(browser, space, sign_in(browser, "root@example.org"))


@pytest.fixture
def room(api: Api) -> str:
    made = api.post("resources", **ROOM, zone=api.space.zone("room"))
    api.post("prices", site=BARCELONA, name="public", hour_cents=3000)
    return str(made["id"])


@pytest.mark.feature(25)
def test_a_room_is_priced_then_booked_in_the_middle_of_the_night(api: Api, room: str, clock: HandClock) -> None:
    clock.turn(hours=14, minutes=12)
    api.header = sign_in(api.browser, "root@example.org")
    wanted = {"resource": room, "host": api.space.ana, "start": "2026-11-24T09:00", "end": "2026-11-24T10:30"}
    assert api.post("bookings/price", 200, **wanted)["cents"] == 4500
    made = api.post("bookings", **wanted)
    assert (made["state"], made["start"], made["price"]["rule"]) == ("confirmed", "2026-11-24T08:00:00Z", "public")
    refused = api.post("bookings", 409, **wanted)
    assert (refused["code"], "Sala A is taken until" in refused["detail"]) == ("slot_taken", True)


@pytest.mark.feature(28)
def test_rooms_are_found_by_what_stands_in_them(api: Api, room: str) -> None:
    assert [one["id"] for one in api.get("resources", seats=8, equipment="projector,whiteboard")] == [room]
    assert api.get("resources", equipment="projector,tv") == []
    assert api.get("resources", seats=9) == []


def test_an_hour_that_does_not_exist_is_refused_and_one_that_comes_twice_asks_which(api: Api, room: str) -> None:
    wanted = {"resource": room, "host": api.space.ana, "end": "2027-03-28T04:00"}
    assert api.post("bookings", 422, **wanted, start="2027-03-28T02:30")["code"] == "no_such_hour"
    twice = wanted | {"start": "2027-10-31T02:30", "end": "2027-10-31T03:30"}
    assert api.post("bookings", 422, **twice)["code"] == "which_hour"
    second = api.post("bookings", **twice, second=True)
    assert (second["start"], second["end"]) == ("2027-10-31T01:30:00Z", "2027-10-31T02:30:00Z")


@pytest.mark.feature(65)
def test_the_invitation_has_the_sites_zone_and_one_uid_for_ever(api: Api, room: str) -> None:
    made = api.post(
        "bookings", resource=room, host=api.space.ana, start="2026-11-24T09:00", end="2026-11-24T10:00", title="Board"
    )
    path = f"/api/v1/bookings/{made['id']}/invitation.ics"
    first = api.browser.get(path)
    api.post(f"bookings/{made['id']}/move", 200, start="2026-11-25T09:00", end="2026-11-25T10:00")
    events = [Calendar.from_ical(text).walk("VEVENT")[0] for text in (first.content, api.browser.get(path).content)]
    assert b"DTSTART;TZID=Europe/Madrid:20261124T090000" in first.content
    assert [str(one["UID"]) for one in events] == [f"{made['id']}@aldaba"] * 2
    assert [int(str(one["SEQUENCE"])) for one in events] == [0, 1]
    assert first.headers["content-type"].startswith("text/calendar")


def test_a_member_books_moves_and_cancels_their_own(api: Api, room: str) -> None:
    api.header = sign_in(api.browser, "ana@example.org")
    made = api.post("my/bookings", resource=room, start="2026-11-24T09:00", end="2026-11-24T10:00")
    assert made["host"] == api.space.ana
    moved = api.post(f"my/bookings/{made['id']}/move", 200, start="2026-11-24T11:00", end="2026-11-24T12:00")
    assert moved["start"] == "2026-11-24T10:00:00Z"
    gone = api.post(f"my/bookings/{made['id']}/cancel", 200)
    assert (gone["state"], gone["fee_cents"]) == ("cancelled", 1500)
    told = api.get("my/bookings", since="2026-11-24T00:00:00Z", until="2026-11-25T00:00:00Z")
    assert [one["id"] for one in told] == [made["id"]]


def test_a_member_waits_and_stops_waiting(api: Api, room: str) -> None:
    hour = {"resource": room, "start": "2026-11-24T09:00", "end": "2026-11-24T10:00"}
    api.post("bookings", **hour, host=api.space.cleaner)
    api.header = sign_in(api.browser, "ana@example.org")
    waits = api.post("my/waits", **hour)
    assert [one["id"] for one in api.get("my/waits")] == [waits["id"]]
    gone = api.browser.delete(f"/api/v1/my/waits/{waits['id']}", headers=api.header)
    assert (gone.status_code, api.get("my/waits")) == (204, [])


def test_a_series_names_its_clashes_and_is_cancelled_as_one(api: Api, room: str) -> None:
    hour = {"resource": room, "host": api.space.ana, "start": "2026-11-24T09:00", "end": "2026-11-24T10:00"}
    api.post("bookings", **hour | {"start": "2026-12-01T09:30", "end": "2026-12-01T10:30"})
    weeks = api.post("bookings/series", **hour, until="2026-12-15")
    assert [bool(one["booking"]) for one in weeks] == [True, False, True, True]
    series = api.get(f"bookings/{weeks[0]['booking']}")["series"]
    gone = api.browser.delete(f"/api/v1/bookings/series/{series}", headers=api.header).json()
    assert [one["state"] for one in gone] == ["cancelled"] * 3


def test_a_room_can_be_changed_and_a_price_removed(api: Api, room: str) -> None:
    changed = api.browser.put(f"/api/v1/resources/{room}", headers=api.header, json=ROOM | {"seats": 10})
    assert changed.json()["seats"] == 10
    (price,) = api.get("prices", site=BARCELONA)
    assert api.browser.delete(f"/api/v1/prices/{price['id']}", headers=api.header).status_code == 204
    wanted = {"resource": room, "host": api.space.ana, "start": "2026-11-24T09:00", "end": "2026-11-24T10:00"}
    assert api.post("bookings/price", 422, **wanted)["code"] == "not_bookable"


@pytest.mark.parametrize(
    "spoilt", [{"seats": 0}, {"zone": "nowhere"}, {"parts": ["nothing"]}, {"kind": "boat"}, {"site": "elsewhere"}]
)
def test_a_resource_that_cannot_be_is_refused(api: Api, spoilt: dict[str, Any]) -> None:
    answer = api.browser.post("/api/v1/resources", headers=api.header, json=ROOM | spoilt)
    assert answer.status_code in {404, 422}


def test_checking_in_waits_for_its_time(api: Api, room: str, clock: HandClock) -> None:
    api.header = sign_in(api.browser, "ana@example.org")
    made = api.post("my/bookings", resource=room, start="2026-11-23T15:00", end="2026-11-23T16:00")
    assert api.post(f"my/bookings/{made['id']}/check-in", 422)["code"] == "too_early"
    clock.turn(hours=3)
    assert api.post(f"my/bookings/{made['id']}/check-in", 200)["state"] == "checked_in"
    assert api.post(f"my/bookings/{made['id']}/check-out", 200)["state"] == "completed"
