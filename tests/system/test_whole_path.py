"""A card tapped at a reader opens a door, is in the books once, and moves the number on the operator's screen.

Real parts all the way: pcscd with vpcd, ptys, pins, `aldaba-edge run`, Mosquitto,
`aldaba-cloud serve`, PostgreSQL, Chromium.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from aldaba_edge.codecs.wiegand import FORMATS, CardNumber
from aldaba_shared.ids import HolderId
from aldaba_shared.keys import CredentialKind
from aldaba_sim.cards import Card, UidCard
from aldaba_sim.desfire_card import DesfireCard
from aldaba_sim.proving_cards import PkocCard
from tests.system.pcscd import READER_NAME, wait_empty
from tests.system.programs import PATIENCE, wait_until
from tests.system.whole_space import LOCKS, WholeSpace, whole_space

pytestmark = [pytest.mark.system]
NOBODYS = "unknown_credential"
EXPLAIN = ["explain", "--json", "--config"]
BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeSpace]:
    with whole_space(tmp_path_factory.mktemp("space")) as running:
        running.wait_followed()
        yield running


@pytest.fixture(scope="module")
def member(space: WholeSpace) -> HolderId:
    """Who signs in as a member, with the residents' level: these tests run at any hour."""
    holder = space.seeded.people[0].holder
    space.let_in_at_any_hour(holder)
    space.wait_followed()
    return holder


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        yield browser
        browser.close()


def signed_in(space: WholeSpace, chromium: Browser, role: str, path: str) -> Page:
    page = chromium.new_context(locale="en-GB").new_page()
    email, password = space.password(role)
    page.goto(f"{space.url}/sign-in")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", password)
    page.click("form.card button")
    page.wait_for_url(lambda url: "sign-in" not in url)
    page.goto(f"{space.url}{path}")
    return page


@pytest.fixture(scope="module")
def board(space: WholeSpace, chromium: Browser) -> Page:
    return signed_in(space, chromium, "operator", "/board")


@pytest.fixture(scope="module")
def admin(space: WholeSpace, chromium: Browser) -> Page:
    return signed_in(space, chromium, "admin", "/board")


def tap_pn532(space: WholeSpace) -> str:
    holder, uid = space.card(CredentialKind.UID)
    space.board.hold(UidCard(uid))
    return holder


def tap_pcsc(space: WholeSpace) -> str:
    holder, uid = space.card(CredentialKind.UID)
    space.slot.hold(UidCard(uid))
    return holder


def show_qr(space: WholeSpace) -> str:
    space.scanner.show(space.visitor_pass("street", "miro"))
    return "visitor"


def tap_wiegand(space: WholeSpace) -> str:
    holder, canonical = space.card(CredentialKind.WIEGAND, "plan_office")
    _, facility, number = canonical.decode().split(":")
    space.wiegand.hold(CardNumber("H10301", int(facility), int(number)), FORMATS["H10301"])
    return holder


@pytest.mark.feature(39)
@pytest.mark.parametrize(
    ("door", "show"),
    [
        pytest.param("street", tap_pn532, id="PN532 bytes on a pty"),
        pytest.param("gaudi", tap_pcsc, id="a virtual card behind pcscd"),
        pytest.param("miro", show_qr, id="a QR pass on a pty"),
        pytest.param("offices", tap_wiegand, id="Wiegand pulses on pins"),
    ],
)
def test_what_is_shown_at_a_reader_opens_the_door_and_reaches_books_and_board(
    space: WholeSpace, board: Page, door: str, show: Callable[[WholeSpace], str]
) -> None:
    before = space.events(f"kind = 'access_decided' AND door_id = '{door}'")
    shown_before = board.locator("#events > li").count()
    holder = show(space)
    assert space.wait_released(door)
    wait_until(lambda: len(space.events(f"door_id = '{door}' AND kind = 'access_decided'")) > len(before), "the event")
    assert space.events(f"door_id = '{door}' AND kind = 'access_decided'") == [*before, (door, holder, "granted")]
    expect(board.locator("#events > li")).not_to_have_count(shown_before)
    assert space.wait_secured(door)
    space.take_card()
    space.slot.take()


@pytest.mark.feature(35)
def test_a_card_revoked_on_the_page_is_confirmed_and_dead_at_the_door(space: WholeSpace, admin: Page) -> None:
    person = next(one for one in space.seeded.people if one.plan == "plan_flex")
    card = next(one for one in person.carried if one.kind is CredentialKind.UID)
    admin.goto(f"{space.url}/credentials/{card.id}")
    with admin.expect_navigation():
        admin.locator("button.danger").click()
    space.wait_followed()
    expect(admin.locator("#confirmations .badge.warn")).to_have_count(0, timeout=60_000)
    space.board.hold(UidCard(card.canonical))
    decided = f"door_id = 'street' AND holder_id = '{person.holder}' AND kind = 'access_decided'"
    wait_until(lambda: bool(space.events(decided)), "the refusal")
    assert space.events(decided) == [("street", person.holder, "credential_disabled")]
    space.take_card()


def test_the_page_and_the_controller_give_every_denial_the_reason_the_door_gave(
    space: WholeSpace, chromium: Browser
) -> None:
    page = signed_in(space, chromium, "operator", "/board")
    denials = "kind = 'access_decided' AND reason <> 'granted'"
    known = len(space.lines(denials))
    assert answers(space, "miro", lambda: space.scanner.show(b"NOT A PASS")) == "pass_unreadable"
    assert answers(space, "street", lambda: space.board.hold(UidCard(bytes.fromhex("0badcafe")))) == NOBODYS
    space.take_card()
    for controller, journal, sequence, reason in space.lines(denials)[known:]:
        page.goto(f"{space.url}/events/{controller}/{journal}/{sequence}")
        expect(page.locator(".note.good")).to_contain_text("La misma respuesta que en la puerta")
        explained = subprocess.run(
            [str(Path(sys.executable).with_name("aldaba-edge")), *EXPLAIN, str(space.edge_config), str(sequence)],
            capture_output=True,
            check=False,
        )
        assert explained.returncode == 1, explained.stderr
        assert json.loads(explained.stdout)["reason"] == reason


def read_code(page: Page) -> bytes:
    """What a camera reads on the phone's page."""
    picture = page.locator("#phone .qr svg")
    expect(picture).to_be_visible()
    (code,) = zxingcpp.read_barcodes(Image.open(BytesIO(picture.screenshot())))
    return code.text.encode("ascii")


@pytest.mark.feature(154)
@pytest.mark.feature(35)
def test_the_code_on_a_members_phone_opens_the_door_once_and_a_picture_of_it_never(
    space: WholeSpace, chromium: Browser, member: HolderId
) -> None:
    seen = f"kind = 'access_decided' AND door_id = 'miro' AND holder_id = '{member}'"
    before = space.events(seen)
    phone = signed_in(space, chromium, "member", "/me/phone")
    phone.locator("[data-part=enrol] button").click()
    read_code(phone)
    space.wait_followed()
    shown = read_code(phone)
    space.scanner.show(shown)
    assert space.wait_released("miro")
    wait_until(lambda: len(space.events(seen)) > len(before), "the event")
    assert space.wait_secured("miro")
    for _ in range(2):  # longer than a phone is held to the scanner, and still within the code's 15 seconds
        last = read_code(phone)
        wait_until(lambda last=last: read_code(phone) != last, "another code on the phone")  # type: ignore[misc]
    space.scanner.show(shown)
    wait_until(lambda: len(space.events(seen)) > len(before) + 1, "the answer to the picture")
    assert [reason for *_, reason in space.events(seen)[len(before) :]] == ["granted", "pass_replayed"]


@pytest.mark.feature(35)
def test_a_blank_card_made_at_the_desk_opens_a_door(space: WholeSpace, tmp_path: Path) -> None:
    space.make_card_keys()
    space.wait_followed()
    email, password = space.password("operator")
    (tmp_path / "password").write_text(password)
    holder, _ = space.card(CredentialKind.UID)
    card, at_desk = DesfireCard(), space.slot.beside()
    at_desk.hold(card)
    asked = ["card", "personalise", holder, "--cloud", space.url, "--email", email, "--label", "Card 17", "--json"]
    where = ["--reader", f"{READER_NAME} 00 01", "--password-file", str(tmp_path / "password")]
    command = [sys.executable, "-m", "aldaba_edge.cli", *asked, *where]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    at_desk.take()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kind"] == "desfire"
    space.wait_followed()
    wait_empty(f"{READER_NAME} 00 00")
    space.slot.hold(card)
    assert space.wait_released("gaudi")
    space.slot.take()
    assert space.wait_secured("gaudi")


class Desk:
    """Somebody signed in who uses the API and the forms."""

    def __init__(self, space: WholeSpace, chromium: Browser, role: str) -> None:
        email, password = space.password(role)
        self._url = space.url
        self._requests = chromium.new_context().request
        signed_in = self._requests.post(f"{space.url}/api/v1/session", data={"email": email, "password": password})
        self._headers = {"x-csrf-token": signed_in.json()["csrf_token"]}

    def post(self, path: str, said: dict[str, object]) -> dict[str, Any]:
        answer = self._requests.post(f"{self._url}{path}", data=said, headers=self._headers)
        assert answer.ok, answer.text()
        told: dict[str, Any] = answer.json()
        return told

    def form(self, path: str, said: dict[str, str | float | bool]) -> None:
        answer = self._requests.post(f"{self._url}{path}", form=said, headers=self._headers)
        assert answer.ok, answer.text()

    def delete(self, path: str) -> None:
        assert self._requests.delete(f"{self._url}{path}", headers=self._headers).ok


def answers(space: WholeSpace, door: str, show: Callable[[], object]) -> str:
    """The reason the door gives for what is shown now."""
    query = f"kind = 'access_decided' AND door_id = '{door}'"
    before = len(space.events(query))
    show()
    wait_until(lambda: len(space.events(query)) > before, "the door's answer")
    return space.events(query)[-1][2]


@pytest.mark.feature(38)
def test_a_visitor_pass_is_good_for_its_uses_at_its_door_until_it_is_taken_back(
    space: WholeSpace, chromium: Browser
) -> None:
    desk, now = Desk(space, chromium, "operator"), datetime.now(UTC)
    host = space.seeded.people[0].holder
    wanted = {"host": host, "visitor": "Rita", "door": "miro", "uses": 1}
    span = {"valid_from": now.isoformat(), "valid_until": (now + timedelta(hours=1)).isoformat()}
    once, taken_back = (desk.post("/api/v1/passes", {**wanted, **span})["id"] for _ in range(2))
    elsewhere = desk.post("/api/v1/passes", {**wanted, **span, "door": "gaudi"})["id"]
    assert answers(space, "miro", lambda: space.scanner.show(space.pass_text(once))) == "granted"
    assert space.wait_released("miro")
    assert space.wait_secured("miro")
    assert answers(space, "miro", lambda: space.scanner.show(space.pass_text(once))) == "pass_used_up"
    assert answers(space, "miro", lambda: space.scanner.show(space.pass_text(elsewhere))) == "pass_wrong_door"
    desk.delete(f"/api/v1/passes/{taken_back}")
    space.wait_followed()
    assert answers(space, "miro", lambda: space.scanner.show(space.pass_text(taken_back))) == "credential_disabled"


@pytest.mark.feature(182)
def test_at_night_a_door_wants_card_and_pin_and_a_pin_of_duress_opens_and_calls_for_help(
    space: WholeSpace, chromium: Browser
) -> None:
    operator, admin = Desk(space, chromium, "operator"), Desk(space, chromium, "admin")
    holder, _ = space.card(CredentialKind.WIEGAND, "plan_office")
    pins = operator.post(f"/api/v1/holders/{holder}/pin", {"duress": True})
    admin.form("/admin/doors/offices/factors", {"second_factor": "always"})
    space.wait_followed()
    for digits in (pins["pin"], pins["duress_pin"]):
        assert answers(space, "offices", lambda: tap_wiegand(space)) == "second_factor_needed"
        assert answers(space, "offices", lambda digits=digits: space.type_pin(digits)) == "granted"  # type: ignore[misc]
        assert space.wait_released("offices")
        assert space.wait_secured("offices")
    wait_until(lambda: space.alarms() == [("duress", "offices")], "the silent alarm")
    admin.form("/admin/doors/offices/factors", {"second_factor": ""})
    space.wait_followed()


def test_a_card_nobody_has_is_given_to_a_member_at_the_desk_and_opens(space: WholeSpace, chromium: Browser) -> None:
    person = [one for one in space.seeded.people if one.plan == "plan_247"][-1]
    new = UidCard(bytes.fromhex("04deadbeef0102"))
    cards = signed_in(space, chromium, "operator", "/cards")
    assert answers(space, "street", lambda: space.board.hold(new)) == NOBODYS
    space.take_card()
    controller, journal, sequence, _ = space.lines("kind = 'access_decided' AND door_id = 'street'")[-1]
    tapped = f"/cards/tapped/{controller}/{journal}/{sequence}"
    cards.locator(f"a[href='{tapped}']").click()
    cards.goto(f"{space.url}{tapped}?find={person.name}")
    cards.locator(f"form:has(input[value='{person.holder}']) button").click()
    cards.wait_for_url("**/cards?given=*")
    space.wait_followed()
    assert answers(space, "street", lambda: space.board.hold(new)) == "granted"
    space.take_card()


def test_the_sticker_at_a_door_has_the_door_decide_and_tells_the_phone(
    space: WholeSpace, chromium: Browser, member: HolderId
) -> None:
    admin = Desk(space, chromium, "admin")
    plan = next(one.plan for one in space.seeded.people if one.holder == member)
    admin.form("/admin/doors/miro/sticker", {"sticker": True})
    admin.form(f"/admin/plans/{plan}/sticker", {"sticker": True})
    space.wait_followed()
    page = signed_in(space, chromium, "member", "/d/miro")
    page.locator("form[action='/d/miro'] button").click()
    assert space.wait_released("miro")
    expect(page.locator("#answer .note.good")).to_be_visible()
    assert space.wait_secured("miro")


def tapped(space: WholeSpace, door: str, card: Card) -> str:
    """What the door says to a card that is held to its PN532 or its PC/SC reader, and taken away."""
    reader = space.board if door == "street" else space.slot
    reader.take()
    if door != "street":
        wait_empty(f"{READER_NAME} 00 00")
    said = answers(space, door, lambda: reader.hold(card))
    reader.take()
    return said


@pytest.mark.feature(39)
@pytest.mark.parametrize("door", ["street", "gaudi"], ids=["PN532 bytes on a pty", "a virtual card behind pcscd"])
def test_whoever_opened_with_the_old_card_gets_a_better_one_at_the_same_door(
    space: WholeSpace, chromium: Browser, door: str
) -> None:
    person = [one for one in space.seeded.people if one.plan == "plan_247"][-2]
    old = next(UidCard(one.canonical) for one in person.carried if one.kind is CredentialKind.UID)
    better = PkocCard()
    assert tapped(space, door, old) == "granted"
    assert tapped(space, door, better) == NOBODYS
    desk = signed_in(space, chromium, "operator", "/cards")
    offered = f"li.card:has(.badge.good) form:has(input[value='{person.holder}']) button"
    desk.locator(offered).first.click()
    desk.wait_for_url("**/cards?given=*")
    space.wait_followed()
    assert tapped(space, door, better) == "granted"


@pytest.mark.feature(95)
def test_a_lockdown_and_an_evacuation_on_the_page_reach_the_pins_of_a_door_a_zone_and_the_site(
    space: WholeSpace, chromium: Browser
) -> None:
    page = signed_in(space, chromium, "operator", "/doors")

    def told(where: str, mode: str, zone: str = "") -> None:
        page.goto(f"{space.url}{where}")
        form = page.locator("form:has(#m-mode)")
        if zone:
            form.locator("select[name=zone]").select_option(zone)
        form.locator("select[name=mode]").select_option(mode)
        form.locator("button").click()

    def free() -> set[str]:
        return {door for door, pin in LOCKS.items() if space.panel.outputs.get(pin, False)}

    for where, zone, doors in (
        ("/doors/miro", "", {"miro"}),
        ("/doors", "offices", {"offices"}),
        ("/doors", "", {*LOCKS}),
    ):
        told(where, "evacuating", zone)
        assert space.panel.wait_for(lambda _, doors=doors: free() == doors, PATIENCE), free()  # type: ignore[misc]
        told(where, "locked_down", zone)
        assert space.panel.wait_for(lambda _: not free(), PATIENCE), free()
    _, uid = space.card(CredentialKind.UID)
    assert tapped(space, "street", UidCard(uid)) == "door_locked_down"
    told("/doors", "locked")
    wait_until(lambda: tapped(space, "street", UidCard(uid)) == "granted", "the door as usual")
