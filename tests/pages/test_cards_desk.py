"""What the desk does with cards nobody has, and what a member does at a door's sticker, posted as browsers post it."""

import re

import pytest

from aldaba_cloud import outbox
from aldaba_cloud.access import stickers
from aldaba_cloud.auth.models import Role
from aldaba_cloud.db import Scope, Work
from aldaba_cloud.fleet.service import COMMANDED
from aldaba_cloud.keyring import NUMBERS, Keyring
from aldaba_cloud.members import store as members
from aldaba_shared.decide import Decision, DoorNow, PresenceNow, Presented, Side
from aldaba_shared.events import AccessDecided
from aldaba_shared.ids import DoorId, HolderId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Facts
from aldaba_shared.sealed_number import public_half, seal_number
from tests.cloud.conftest import NETWORK
from tests.pages.desk import Desk, built, desk, fresh_url

__all__ = ["built", "desk", "fresh_url"]
NEW, OTHER = b"\x04new card", b"\x04another!"


def tap(desk: Desk, number: bytes, door: str = "street", kind: CredentialKind = CredentialKind.UID) -> None:
    """A card nobody has is shown at a door, and the door tells its number sealed."""
    desk.clock.turn(seconds=1)
    at = desk.clock.moment
    public = public_half(Keyring(desk.space.config.key_dir).secret(NUMBERS))
    sealed = seal_number(public, desk.space.controllers[door].id, kind, number)
    shown = Presented(DoorId(door), Side.IN, kind, at)
    refused = Decision(Reason.UNKNOWN_CREDENTIAL)
    tell(desk, door, AccessDecided(shown, Facts(), PresenceNow(), DoorNow(), refused, number=sealed))


def tell(desk: Desk, door: str, event: AccessDecided) -> None:
    desk.space.happen(door, event, desk.clock.moment, received=desk.clock.moment)


def cards_of(desk: Desk, name: str) -> list[CredentialKind]:
    holder = desk.space.holders[name]
    found = desk.read(lambda work: members.credentials_of(work, [holder]))
    return [one.kind for one, _sealed in found][1:]


def forms(page: str) -> list[str]:
    return re.findall(r'href="(/cards/tapped/[^"]+)"', page)


def test_an_unknown_card_is_listed_once_and_given_to_a_member_with_one_press(desk: Desk) -> None:
    desk.sign_in("op")
    for _ in range(3):
        tap(desk, NEW)
    listed = desk.see("/cards")
    assert "tapped 3 times" in listed
    assert "can be copied" in listed
    (address,) = forms(listed)
    assert "Tom Becker" in desk.see(f"{address}?find=tom")
    assert "Ana Ferrer" not in desk.see(f"{address}?find=tom")
    answer = desk.send(address, holder=desk.space.holders["Tom Becker"])
    assert "The card is Tom Becker's" in answer.text
    assert forms(desk.see("/cards")) == []
    assert cards_of(desk, "Tom Becker") == [CredentialKind.UID]


def test_a_card_that_proves_itself_is_not_called_copyable(desk: Desk) -> None:
    desk.sign_in("op")
    tap(desk, bytes(65), kind=CredentialKind.PKOC)
    assert "cannot be copied" in desk.see("/cards")


def test_whoever_was_let_in_with_the_old_card_is_offered_the_new_one(desk: Desk) -> None:
    desk.sign_in("op")
    desk.space.tap("Ana Ferrer", "street", desk.clock.moment)
    tap(desk, NEW)
    assert "Give to Ana Ferrer" in desk.see("/cards")
    desk.clock.turn(minutes=5)
    tap(desk, NEW)
    assert "Give to Ana Ferrer" not in desk.see("/cards")


def test_a_number_that_was_sealed_by_another_controller_is_not_believed(desk: Desk) -> None:
    desk.sign_in("op")
    public = public_half(Keyring(desk.space.config.key_dir).secret(NUMBERS))
    shown = Presented(DoorId("street"), Side.IN, CredentialKind.UID, desk.clock.moment)
    sealed = seal_number(public, desk.space.controllers["street"].id, CredentialKind.PKOC, NEW)
    refused = Decision(Reason.UNKNOWN_CREDENTIAL)
    tell(desk, "street", AccessDecided(shown, Facts(), PresenceNow(), DoorNow(), refused, number=sealed))
    assert forms(desk.see("/cards")) == []


def test_a_round_gives_card_after_card_and_takes_the_last_one_back(desk: Desk) -> None:
    desk.sign_in("op")
    tap(desk, b"tapped before the round")
    names = "Tom Becker;tom@example.org\nana@example.org\n"
    begun = desk.send("/card-rounds", door="street", names=names)
    assert "Next: Tom Becker" in begun.text
    where = begun.url.path
    desk.clock.turn(seconds=1)
    assert "Next: Tom Becker" in desk.send(f"{where}/take").text
    tap(desk, NEW, "llotja")
    assert "Next: Tom Becker" in desk.send(f"{where}/take").text
    tap(desk, NEW)
    assert "Next: Ana Ferrer" in desk.send(f"{where}/take").text
    tap(desk, OTHER)
    assert "Everybody has a card" in desk.send(f"{where}/take").text
    assert "Next: Ana Ferrer" in desk.send(f"{where}/undo").text
    assert (cards_of(desk, "Tom Becker"), cards_of(desk, "Ana Ferrer")) == ([CredentialKind.UID], [])
    assert "Next: Ana Ferrer" in desk.send(f"{where}/take").text
    tap(desk, OTHER)
    assert "Everybody has a card" in desk.send(f"{where}/take").text


def test_a_pasted_line_that_names_nobody_is_shown_and_nothing_begins(desk: Desk) -> None:
    desk.sign_in("op")
    answer = desk.send("/card-rounds", door="street", names="Tom Becker\nNobody Atall")
    assert answer.status_code == 422
    assert "<li>Nobody Atall</li>" in answer.text


def test_the_report_of_copyable_cards_says_when_each_was_last_used(desk: Desk) -> None:
    desk.sign_in("op")
    desk.space.tap("Ana Ferrer", "street", desk.clock.moment)
    report = desk.see("/cards/copyable")
    rows = {row.split("</th>")[0].split(">")[-1]: row for row in report.split("<tr>")[2:]}
    assert "23 Nov 2026" in rows["Ana Ferrer"]
    assert "never" in rows["Tom Becker"]


class AtTheDoor:
    """Ana before the sticker of the street door."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.ana = desk.space.holders["Ana Ferrer"]
        desk.space.account("ana@example.org", Role.MEMBER, "Ana Ferrer", self.ana, locale="en")
        desk.sign_in("ana")

    def allow(self, *, door: bool = True, plan: bool = True) -> None:
        keyring = Keyring(self.desk.space.config.key_dir)
        with self.desk.space.database.write() as db:
            work = Work(db, Scope(NETWORK), self.desk.clock.moment)
            stickers.set_door(work, DoorId("street"), keyring, sticker=door)
            stickers.set_plan(work, "plan-hot", keyring, sticker=plan)

    def commands(self) -> list[dict[str, object]]:
        with self.desk.space.database.read() as db:
            return [dict(one.body) for one in outbox.waiting(db, {COMMANDED})]

    def door_says(self, command: str, reason: Reason, holder: HolderId | None) -> None:
        shown = Presented(DoorId("street"), Side.IN, CredentialKind.STICKER, self.desk.clock.moment)
        decided = Decision(reason, holder)
        event = AccessDecided(
            shown, Facts(), PresenceNow(), DoorNow(), decided, command=command, released=decided.granted
        )
        tell(self.desk, "street", event)


def test_a_press_asks_the_door_and_the_page_shows_what_the_door_said(desk: Desk) -> None:
    there = AtTheDoor(desk)
    there.allow()
    asked = desk.send("/d/street")
    assert "Asking the door" in asked.text
    (command,) = there.commands()
    assert (command["verb"], command["door"], command["holder"]) == ("sticker", "street", there.ana)
    there.door_says(str(command["id"]), Reason.PASSBACK, there.ana)
    assert "counted as inside already" in desk.see(str(asked.url.path) + "?" + asked.url.query.decode())
    there.door_says("cmd_other", Reason.GRANTED, there.ana)
    assert "Come in." in desk.see("/d/street?asked=cmd_other")


@pytest.mark.parametrize(("door", "plan"), [(False, True), (True, False)])
def test_without_the_doors_or_the_plans_leave_no_command_is_given(desk: Desk, *, door: bool, plan: bool) -> None:
    there = AtTheDoor(desk)
    there.allow(door=door, plan=plan)
    assert "Open this door" not in desk.see("/d/street")
    assert desk.send("/d/street").status_code == 422
    assert there.commands() == []


def test_what_a_door_said_to_somebody_else_is_not_shown(desk: Desk) -> None:
    there = AtTheDoor(desk)
    there.allow()
    there.door_says("cmd_1", Reason.GRANTED, desk.space.holders["Tom Becker"])
    assert "Come in." not in desk.see("/d/street?asked=cmd_1")


def test_a_door_that_cannot_be_reached_is_said_to_be_so(desk: Desk) -> None:
    there = AtTheDoor(desk)
    there.allow()
    desk.clock.turn(minutes=4)
    assert "cannot be reached now" in desk.send("/d/street").text


def test_an_admin_allows_a_door_and_a_plan_and_prints_the_sticker(desk: Desk) -> None:
    desk.sign_in("admin")
    assert "Print the sticker" in desk.send("/admin/doors/street/sticker", sticker="true").text
    assert "opens by sticker" in desk.send("/admin/plans/plan-hot/sticker", sticker="true").text
    assert "/d/street" in desk.see("/admin/doors/street/sticker")
    code = desk.browser.get("/admin/doors/street/sticker.svg")
    assert code.headers["content-type"] == "image/svg+xml"
    assert b"<svg" in code.content
    assert "no stickers" in desk.send("/admin/plans/plan-hot/sticker", sticker="false").text
