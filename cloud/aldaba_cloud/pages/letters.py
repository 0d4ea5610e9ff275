"""Mail that was sent, that waits, and that did not leave: the list, sending one again, and a test."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.db import Work
from aldaba_cloud.deps import CloudDep, CurrentOperator
from aldaba_cloud.letters import service, store
from aldaba_cloud.letters.models import NO_ADDRESS, TOO_LATE, UNWRITTEN, Letter, NotAnAddress, Outcome, Posted
from aldaba_cloud.letters.wording import NotWritten, words_of
from aldaba_cloud.pages.i18n import mark
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.problems import told
from aldaba_cloud.pages.reading import site_wanted

router = APIRouter(prefix="/letters", include_in_schema=False)

OUTCOMES: Final[Mapping[Outcome, tuple[str, str, str]]] = {
    Outcome.SENT: ("good", "check", mark("sent")),
    Outcome.WAITING: ("warn", "clock", mark("on its way")),
    Outcome.FAILED: ("bad", "alarm", mark("not sent")),
}
WHYS: Final[Mapping[str, str]] = {
    NO_ADDRESS: mark("We have no mail address of this person."),
    TOO_LATE: mark("It could not leave in time, and would have come too late."),
    UNWRITTEN: mark("It could not be written: a fault of ours."),
}


@dataclass(frozen=True, slots=True)
class LetterLine:
    """A letter in the list."""

    posted: Posted
    subject: str
    why: str


@router.get("")
def list_letters(caller: CurrentOperator, cloud: CloudDep, page: PageDep, outcome: str = "") -> Response:
    """The newest letters, all or those of one outcome."""
    return _show(caller.work, cloud.config.smtp_host, page, outcome)


@router.post("/test")
def send_test(caller: CurrentOperator) -> Response:
    """Write a test to whoever asks for it."""
    account, site = caller.account, site_wanted(caller.work, None)
    key = f"test:{caller.work.new_id('tst')}"
    service.write(caller.work, site.id, Letter("test", key, account.email, {}, account.locale))
    return RedirectResponse("/letters", HTTPStatus.SEE_OTHER)


@router.post("/{letter}/again")
def send_again(
    letter: str, caller: CurrentOperator, cloud: CloudDep, page: PageDep, address: Annotated[str, Form()] = ""
) -> Response:
    """Send a letter once more, to its address or a better one."""
    try:
        service.send_again(caller.work, letter, address)
    except NotAnAddress as error:
        return _show(caller.work, cloud.config.smtp_host, page, "", wrong=told(page, error))
    return RedirectResponse("/letters", HTTPStatus.SEE_OTHER)


def _show(work: Work, server: str, page: Page, outcome: str, *, wrong: str = "") -> Response:
    chosen = Outcome(outcome) if outcome in {one.value for one in Outcome} else None
    return page.show(
        "letters.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
        lines=[_line(one, page) for one in store.newest(work, chosen)],
        zone=ZoneInfo(site_wanted(work, None).time_zone),
        outcomes=OUTCOMES,
        chosen=chosen,
        server=server,
        wrong=wrong,
    )


def _line(posted: Posted, page: Page) -> LetterLine:
    try:
        subject = words_of(posted.letter, "").subject
    except NotWritten:
        subject = posted.letter.kind
    known = next((WHYS[one] for one in WHYS if posted.why.startswith(one)), "")
    return LetterLine(posted, subject, page.text(known) if known else posted.why)
