"""What the pages' forms do, posted as a browser posts them."""

import re
from datetime import date, timedelta

import pytest

from aldaba_cloud import outbox
from aldaba_cloud.access import store as access
from aldaba_cloud.access.models import Generation
from aldaba_cloud.fleet import alarms as alarm_books
from aldaba_cloud.fleet import service
from aldaba_cloud.fleet import store as fleet
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.fleet.service import COMMANDED
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door, DoorUse
from aldaba_shared.decide import DoorMode
from aldaba_shared.door_rules import Apart
from aldaba_shared.events import DoorHeld
from aldaba_shared.ids import DoorId, ScheduleId
from aldaba_shared.schedule import Window, Windows
from tests.cloud.conftest import BARCELONA, MONDAY_NOON
from tests.pages.desk import AS_BROWSER, Desk, built, desk, fresh_url
from tests.pages.space import NAMES

STREET = DoorId("street")
__all__ = ["built", "desk", "fresh_url"]


def test_a_release_from_the_page_becomes_a_command_for_that_door(desk: Desk) -> None:
    desk.sign_in("op")
    answer = desk.send("/doors/street/release")
    assert "The command was sent" in answer.text
    with desk.space.database.read() as db:
        told = outbox.waiting(db, {COMMANDED})
    assert [(one.body["door"], one.body["verb"]) for one in told] == [("street", "release")]


def test_a_door_out_of_reach_is_not_released_and_the_page_says_so_in_words(desk: Desk) -> None:
    desk.sign_in("op")
    desk.clock.turn(minutes=4)
    answer = desk.send("/doors/street/release")
    assert answer.status_code in {409, 422, 503}
    with desk.space.database.read() as db:
        assert outbox.waiting(db, {COMMANDED}) == []


def test_one_door_is_locked_down_and_lifted_from_its_page(desk: Desk) -> None:
    desk.sign_in("op")
    assert "Lift the lockdown" in desk.send("/doors/street/mode", mode="locked_down").text
    assert modes(desk) == {STREET: DoorMode.LOCKED_DOWN}
    assert "Lift the lockdown" not in desk.send("/doors/street/mode", mode="locked").text
    assert modes(desk).get(STREET, DoorMode.LOCKED) is DoorMode.LOCKED


def test_a_whole_site_is_locked_down_and_lifted(desk: Desk) -> None:
    desk.sign_in("op")
    desk.send("/doors/mode", site=BARCELONA, mode="locked_down")
    assert set(modes(desk).values()) == {DoorMode.LOCKED_DOWN}
    assert len(modes(desk)) == len(desk.space.controllers)
    desk.send("/doors/mode", site=BARCELONA, mode="locked")
    assert set(modes(desk).values()) <= {DoorMode.LOCKED}


def street(desk: Desk) -> Door:
    door = desk.read(lambda work: places.find_door(work, STREET))
    assert door is not None
    return door


def rules_of_street(desk: Desk) -> Generation | None:
    return desk.read(lambda work: access.newest_generation(work, desk.space.controllers["street"].id))


def test_a_zone_is_evacuated_for_a_while_and_its_doors_are_counted_until_they_confirm(desk: Desk) -> None:
    desk.sign_in("op")
    zone = street(desk).into
    shown = desk.send("/doors/mode", site=BARCELONA, zone=zone, mode="evacuating", minutes="60").text
    told = desk.read(fleet.list_modes)
    assert {one.until for one in told} == {MONDAY_NOON + timedelta(minutes=60)}
    assert STREET in {one.door for one in told}
    assert "not confirmed" in shown


def test_a_doors_hours_are_rehearsed_and_published_from_its_page(desk: Desk) -> None:
    desk.sign_in("admin")
    schedule, before = desk.read(access.list_schedules)[0], rules_of_street(desk)
    assert "would stand unlocked" in desk.send("/admin/doors/street/rehearse", unlock=schedule.id).text
    assert street(desk).use == DoorUse()
    assert rules_of_street(desk) == before
    desk.send("/admin/doors/street", unlock=schedule.id, first_card="true", partner="offices")
    assert street(desk).use == DoorUse(schedule.id, first_card=True, interlock_with=(DoorId("offices"),))
    assert rules_of_street(desk) != before


def test_rehearsing_a_demand_for_pins_names_who_has_none(desk: Desk) -> None:
    desk.sign_in("admin")
    asking = {"second_factor": "always"}
    shown = desk.send("/admin/doors/street/factors/rehearse", **asking).text
    lacking = re.findall(r'<li><a href="(/admin/members/[^"]+)">', shown)
    assert lacking
    desk.send(f"{lacking[0]}/pin")
    again = desk.send("/admin/doors/street/factors/rehearse", **asking).text
    assert re.findall(r'<li><a href="(/admin/members/[^"]+)">', again) == lacking[1:]
    assert street(desk).use == DoorUse()
    desk.send("/admin/doors/street/factors", **asking)
    assert street(desk).use.second_factor == "always"


def test_emergency_codes_are_made_from_the_doors_page_and_shown_once(desk: Desk) -> None:
    desk.sign_in("admin")
    assert 'href="/admin/emergency-codes?site=' in desk.see("/doors")
    assert "There are no envelopes." in desk.see("/admin/emergency-codes")
    sheet = desk.send("/admin/emergency-codes", site=BARCELONA, count="3", days="30")
    digits = re.findall(r"data-code>(\d{4}) (\d{4})<", sheet.text)
    assert len(set(digits)) == 3
    assert sheet.headers["cache-control"] == "no-store"
    now = desk.see("/admin/emergency-codes")
    assert "3 envelopes are good until" in now
    assert not any(one in now for one, _ in digits)


def test_an_operator_makes_no_emergency_codes(desk: Desk) -> None:
    desk.sign_in("op")
    assert 'href="/admin/emergency-codes' not in desk.see("/doors")
    assert desk.send("/admin/emergency-codes").status_code == 403


def test_what_passback_does_while_controllers_are_apart_is_declared_and_published(desk: Desk) -> None:
    desk.sign_in("admin")
    before = rules_of_street(desk)
    desk.send("/admin/doors/street/zone", apart="keep")
    zone = desk.read(lambda work: places.find_zone(work, street(desk).into))
    assert zone is not None
    assert zone.apart is Apart.KEEP
    assert rules_of_street(desk) != before


@pytest.mark.parametrize("shadow", [True, False], ids=["into shadow", "live"])
def test_a_door_is_switched_from_its_page_and_its_signed_modes_say_so(desk: Desk, shadow: bool) -> None:
    desk.sign_in("admin")
    desk.send("/admin/doors/street/shadow", shadow=str(shadow).lower())
    controller = street(desk).controller
    assert controller is not None
    said = desk.read(lambda work: service.modes_said(work, controller))
    assert [(one.door, one.shadow) for one in said] == [(STREET, shadow)]


def test_an_alarm_seen_to_leaves_the_board_and_names_who_saw_to_it(desk: Desk) -> None:
    desk.space.happen("offices", DoorHeld(DoorId("offices"), 31_000), MONDAY_NOON)
    desk.sign_in("op")
    seen = re.search(r'action="(/doors/offices/alarms/\d+)"', desk.see("/doors/offices"))
    assert seen is not None
    assert "Nothing open." in desk.send(seen[1]).text
    alarm = desk.read(lambda work: alarm_books.recent(work, open_only=False))[0]
    assert alarm.acknowledged_at == MONDAY_NOON
    assert alarm.acknowledged_by


def test_a_pairing_code_is_shown_once(desk: Desk) -> None:
    desk.sign_in("fitter")
    shown = desk.send("/admin/controllers", site=BARCELONA, name="Rebost", door="street").text
    code = re.search(r'class="code" role="status">(\d{6})<', shown)
    assert code is not None
    assert code[1] not in desk.see("/admin/controllers")


def test_a_pairing_code_for_another_sites_door_is_not_given(desk: Desk) -> None:
    desk.sign_in("fitter")
    assert desk.send("/admin/controllers", site=BARCELONA, name="Rebost", door="nowhere").status_code == 404


@pytest.mark.parametrize("address", ["/doors/street/release", "/doors/mode", "/doors/street/mode"])
def test_a_post_without_the_pages_token_changes_nothing(desk: Desk, address: str) -> None:
    desk.sign_in("op")
    answer = desk.browser.post(address, data={"site": BARCELONA, "mode": "locked_down"}, headers=AS_BROWSER)
    assert answer.status_code == 403
    assert modes(desk) == {}


def modes(desk: Desk) -> dict[DoorId, DoorMode]:
    return {one.door: one.mode for one in desk.read(fleet.list_modes)}


BRIDGE = {"site": BARCELONA, "day": "2026-12-28", "name": "Pont"}


def test_a_special_day_is_rehearsed_before_it_is_published(desk: Desk) -> None:
    """The 28th is a Monday, on which everybody may come from nine to six."""
    desk.sign_in("admin")
    shown = desk.send("/admin/schedules/special-days/rehearse", **BRIDGE, start="10:00", end="19:00").text
    assert gains_and_losses(shown) == (len(NAMES), len(NAMES))
    assert "Monday 18:00\N{EN DASH}19:00" in shown
    assert special_days(desk) == {}


def test_a_closed_day_takes_hours_from_everybody_and_gives_none(desk: Desk) -> None:
    desk.sign_in("admin")
    shown = desk.send("/admin/schedules/special-days/rehearse", **BRIDGE).text
    assert gains_and_losses(shown) == (0, len(NAMES))


def test_a_day_that_was_already_closed_changes_nothing_for_anyone(desk: Desk) -> None:
    desk.sign_in("admin")
    sunday = BRIDGE | {"day": "2026-12-27"}
    assert gains_and_losses(desk.send("/admin/schedules/special-days/rehearse", **sunday).text) == (0, 0)


def test_a_special_day_is_published_and_removed_after_another_look(desk: Desk) -> None:
    desk.sign_in("admin")
    page = desk.send("/admin/schedules/special-days", **BRIDGE, start="10:00", end="14:00").text
    assert "Published." in page
    assert special_days(desk) == {date(2026, 12, 28): (Window(600, 840),)}
    looked = desk.send("/admin/schedules/special-days/rehearse", **BRIDGE, gone="true").text
    assert gains_and_losses(looked) == (len(NAMES), 0)
    assert special_days(desk) != {}
    desk.send("/admin/schedules/special-days", **BRIDGE, gone="true")
    assert special_days(desk) == {}


def test_a_special_day_no_door_could_follow_is_refused_in_words_and_keeps_what_was_typed(desk: Desk) -> None:
    desk.sign_in("admin")
    answer = desk.send("/admin/schedules/special-days/rehearse", **BRIDGE, start="19:00", end="10:00")
    assert answer.status_code == 422
    assert "Look at the hours of December 28, 2026" in answer.text
    assert 'value="19:00"' in answer.text


def test_a_day_that_is_ordinary_already_cannot_be_removed(desk: Desk) -> None:
    desk.sign_in("admin")
    assert desk.send("/admin/schedules/special-days", **BRIDGE, gone="true").status_code == 404


@pytest.mark.parametrize(
    ("who", "home"), [("op", "/board"), ("admin", "/board"), ("fitter", "/admin/controllers"), ("sums", "/money")]
)
def test_home_is_a_page_that_opens_for_whoever_signs_in(desk: Desk, who: str, home: str) -> None:
    desk.sign_in(who)
    answer = desk.browser.get("/", headers=AS_BROWSER)
    assert (answer.status_code, answer.url.path) == (200, home)


def test_an_accountant_reads_what_their_account_is_for(desk: Desk) -> None:
    desk.sign_in("sums")
    page = desk.see("/account")
    assert "Accountant" in page
    assert "every site" in page


@pytest.mark.parametrize(
    ("language", "words"),
    [("es", "No se llega a esta puerta"), ("ca", "arriba a aquesta porta"), ("en", "This door cannot be reached")],
)
def test_a_refusal_is_said_in_the_readers_language(desk: Desk, language: str, words: str) -> None:
    desk.sign_in("op")
    desk.browser.post("/preferences", data={"language": language})
    desk.clock.turn(minutes=4)
    assert words in desk.send("/doors/street/release").text


def gains_and_losses(page: str) -> tuple[int, int]:
    gains, losses = re.findall(r'class="big num">(\d+)<', page)
    return int(gains), int(losses)


def special_days(desk: Desk) -> dict[date, Windows]:
    return {one.day: one.windows for one in desk.read(lambda work: access.list_special_days(work, BARCELONA))}


def test_a_rehearsal_names_the_taps_of_the_last_days_that_would_have_ended_otherwise(desk: Desk) -> None:
    """Ana came on Monday at ten; a week that opens at eleven would have refused her."""
    desk.space.tap("Ana Ferrer", "lane", MONDAY_NOON - timedelta(hours=2))
    desk.space.tap("Jordi Vila", "lane", MONDAY_NOON)
    desk.sign_in("admin")
    week = {f"start-{day}": "11:00" for day in range(5)} | {f"end-{day}": "18:00" for day in range(5)}
    shown = desk.send("/admin/schedules/office-hours/rehearse", **week).text
    recorded = shown[shown.index("h-recorded") :]
    assert "1 would have been refused" in recorded
    assert "0 would have opened" in recorded
    assert "Ana Ferrer" in recorded
    assert "Jordi Vila" not in recorded


def test_for_how_long_people_may_come_back_is_set_beside_the_week(desk: Desk) -> None:
    desk.sign_in("admin")
    week = {f"start-{day}": "09:00" for day in range(5)} | {f"end-{day}": "18:00" for day in range(5)}
    assert 'value="20"' in desk.send("/admin/schedules/office-hours/rehearse", **week, reentry="20").text
    assert reentry(desk) == 0, "looking changes nothing"
    desk.send("/admin/schedules/office-hours/publish", **week, reentry="20")
    assert reentry(desk) == 20
    refused = desk.send("/admin/schedules/office-hours/rehearse", **week, reentry="soon").text
    assert "as a number from 0 to 240" in refused


def reentry(desk: Desk) -> int:
    found = desk.read(lambda work: access.find_schedule(work, ScheduleId("office-hours")))
    assert found is not None
    return found.reentry_minutes


A_PASS = {
    "site": BARCELONA,
    "visitor": "Carme Bosch",
    "host": "hol_00",
    "zone": "llotja",
    "begins": "2026-11-23T12:00",
    "ends": "2026-11-23T16:00",
    "uses": "2",
}


def test_a_visitors_pass_is_given_shown_listed_and_taken_back(desk: Desk) -> None:
    make_keys(Keyring(desk.space.config.key_dir), desk.space.config.state_dir / "root.key", MONDAY_NOON)
    desk.sign_in("op")
    page = desk.send("/passes", **A_PASS).text
    assert "It is shown only now." in page
    assert "Porta del carrer" in page
    code = re.search(r'<img src="(/api/v1/passes/(\w+)/qr\.svg)"', page)
    assert code is not None
    assert desk.browser.get(code[1]).headers["content-type"].startswith("image/svg+xml")
    assert "Carme Bosch" in desk.see("/passes")
    assert "opens nothing any more" in desk.send(f"/passes/{code[2]}/cancel").text
    assert "cancelled" in desk.see("/passes")


def test_a_pass_that_ends_before_it_begins_is_refused_in_words_and_keeps_what_was_typed(desk: Desk) -> None:
    desk.sign_in("op")
    answer = desk.send("/passes", **A_PASS | {"ends": "2026-11-23T11:00"})
    assert answer.status_code == 422
    assert "It must end after it begins" in answer.text
    assert 'value="Carme Bosch"' in answer.text
