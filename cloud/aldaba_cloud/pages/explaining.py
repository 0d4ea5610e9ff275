"""Why a door answered as it did: the decision of an event, run again and told check by check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response

from aldaba_cloud.db import Work
from aldaba_cloud.deps import CurrentOperator
from aldaba_cloud.errors import Missing
from aldaba_cloud.members import store as members
from aldaba_cloud.pages.i18n import mark
from aldaba_cloud.pages.kit import PageDep
from aldaba_cloud.pages.reading import decided, find_row, site_of
from aldaba_cloud.places import store as places
from aldaba_shared.decide import Decision, Side
from aldaba_shared.events import AccessDecided
from aldaba_shared.ids import CredentialId, DoorId
from aldaba_shared.reasons import Reason, sentence

router = APIRouter(include_in_schema=False)

CHECKS: Final[Mapping[Reason, str]] = {
    Reason.DOOR_LOCKED_DOWN: mark("The door is not locked down"),
    Reason.RULES_UNVERIFIED: mark("The door has verified its rules"),
    Reason.PASS_UNREADABLE: mark("The pass can be read"),
    Reason.PASS_WRONG_DOOR: mark("The pass is for this door"),
    Reason.PASS_USED_UP: mark("The pass has uses left"),
    Reason.PASS_REPLAYED: mark("The code was not shown before"),
    Reason.CARD_NOT_GENUINE: mark("The card proved that it is genuine"),
    Reason.CARD_COPYABLE: mark("The card is one that this door takes"),
    Reason.PIN_WRONG: mark("The PIN is right"),
    Reason.PIN_FROZEN: mark("The PIN is not frozen"),
    Reason.UNKNOWN_CREDENTIAL: mark("The credential is known"),
    Reason.CREDENTIAL_DISABLED: mark("The credential is not blocked"),
    Reason.CLOCK_UNTRUSTED: mark("The door is sure of the time, where that matters"),
    Reason.CREDENTIAL_NOT_IN_FORCE: mark("The credential is within its dates"),
    Reason.RULES_TOO_OLD: mark("The rules are not too old, or the holder is essential"),
    Reason.CONTRACT_NOT_IN_GOOD_STANDING: mark("The contract is in good standing"),
    Reason.NO_ACCESS_RIGHTS: mark("There is a right for this door"),
    Reason.OUT_OF_SCHEDULE: mark("The moment is within the schedule"),
    Reason.PASSBACK: mark("The holder was not counted as inside already"),
    Reason.ZONE_FULL: mark("The zone has room"),
    Reason.INTERLOCKED: mark("The other door of the pair is shut"),
    Reason.SECOND_FACTOR_NEEDED: mark("No second factor is missing"),
    Reason.SECOND_PERSON_NEEDED: mark("No second person is missing"),
}
"""The checks in the order in which a door makes them."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `ok`, `no` for the one that failed, `off` for those that were not reached."""

    text: str
    state: str
    said: str = ""


@router.get("/events/{controller}/{journal}/{sequence}")
def explain(controller: str, journal: str, sequence: int, caller: CurrentOperator, page: PageDep) -> Response:
    """An event, its decision run again on the facts the door saw, and every check."""
    row = find_row(caller.work, controller, journal, sequence)
    event = decided(row)
    if event is None:
        raise Missing("decision", f"{controller}/{journal}/{sequence}")
    again = event.again()
    site = site_of(caller.work, row.site_id)
    door = places.find_door(caller.work, DoorId(event.shown.door))
    steps = [Check(page.text(one.text), one.state, one.said) for one in checks(event, again)]
    return page.show(
        "event.html",
        row=row,
        event=event,
        same=again == event.decision,
        again=again,
        steps=steps,
        said=sentence(again.reason, page.language),
        who=_holder(caller.work, event),
        card=_card(caller.work, event),
        door=door,
        zone=ZoneInfo(site.time_zone),
        way_out=event.shown.side is Side.EGRESS,
    )


def checks(event: AccessDecided, again: Decision) -> list[Check]:
    """Each check up to the one that failed; nothing is asked on the way to the street."""
    if event.shown.side is Side.EGRESS:
        return []
    found = []
    failed = False
    for reason, text in CHECKS.items():
        state = "no" if reason is again.reason else "off" if failed else "ok"
        failed = failed or reason is again.reason
        found.append(Check(text, state))
    return found


def _holder(work: Work, event: AccessDecided) -> str:
    holder = event.decision.holder
    found = members.find_holder(work, holder) if holder else None
    return found.name if found else ""


def _card(work: Work, event: AccessDecided) -> tuple[CredentialId, str] | None:
    credential = event.facts.credential
    found = members.find_credential(work, credential.id) if credential else None
    return (found.id, found.label) if found else None
