"""Refusals for people: what went wrong and what to do, in the reader's language.

The service says everything in English, for logs and programs; what a person
reads is chosen here by the error's code, and by its status where a code has no
sentence of its own.
"""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Final

from babel.dates import format_date
from fastapi import Request
from fastapi.responses import HTMLResponse

from aldaba_cloud.pages.i18n import mark
from aldaba_cloud.pages.kit import Page, page_of
from aldaba_shared.errors import AldabaError
from aldaba_shared.schedule import LONGEST_REENTRY, REENTRY, ScheduleInvalid

TITLES: Final[Mapping[int, str]] = {
    HTTPStatus.NOT_FOUND: mark("Nobody answers at this door"),
    HTTPStatus.FORBIDDEN: mark("This door is not yours to open"),
    HTTPStatus.INTERNAL_SERVER_ERROR: mark("The knocker came off in our hand"),
    HTTPStatus.TOO_MANY_REQUESTS: mark("Slow down a little"),
}
OTHER_TITLE: Final = mark("That did not work")

BY_STATUS: Final[Mapping[int, str]] = {
    HTTPStatus.NOT_FOUND: mark("There is nothing at this address, or it belongs to a site that is not yours."),
    HTTPStatus.FORBIDDEN: mark(
        "Your account lacks the role for this page, or the request did not come from one of our pages."
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: mark(
        "Something broke on our side and was written down. Doors decide by themselves and go on working."
    ),
    HTTPStatus.TOO_MANY_REQUESTS: mark("There were too many tries in a row. Wait a moment and try again."),
    HTTPStatus.CONFLICT: mark("It collides with something that is already so. Reload the page and look again."),
}
UNUSABLE: Final = mark("What was sent cannot be used as it is. Go back and correct it.")

BY_CODE: Final[Mapping[str, str]] = {
    "door_unreachable": mark(
        "This door cannot be reached: its controller is not paired or has not been heard for three minutes. "
        "The door goes on deciding by itself; open it on the spot, or look at its network."
    ),
    "card_untold": mark(
        "The door did not say which card it was. Tap the card again once the door has the newest rules."
    ),
    "no_sticker": mark(
        "This door is not opened from this page, or your plan does not come with it. Use your card, or ask at the desk."
    ),
    "forbidden": mark("Your account lacks the role for this. Ask an admin of the site to give it to you."),
    "forged_request": mark("This request did not come from one of our pages. Reload the page and try again."),
    "keys_missing": mark("The service has no keys to sign with. Whoever runs it must make them first."),
    "key_missing": mark("The service cannot open its sealed keys. Whoever runs it must look at its key folder."),
    "pair_refused": mark("The controller was not paired. Make a new code and try again."),
    "pass_unusable": mark(
        "This pass would open nothing. It must end after it begins and not in the past, last 31 days at most, "
        "and lead to a place that has a door and not too many on the way."
    ),
    "schedule_invalid": mark(
        "No door could follow these hours. Write times like 09:15, end each window after it begins, "
        "and let none overlap another."
    ),
}
HOURS_OF: Final = mark(
    "Look at the hours of %(day)s: write times like 09:15, end each window after it begins, "
    "and let none overlap another."
)

COMING_BACK: Final = mark("Write the minutes for coming back as a number from 0 to %(most)s.")


def told(page: Page, error: AldabaError) -> str:
    """What went wrong, for the reader of a page that shows it in its own place."""
    if isinstance(error, ScheduleInvalid) and error.where == REENTRY:
        return page.text(COMING_BACK) % {"most": LONGEST_REENTRY}
    if isinstance(error, ScheduleInvalid):
        day = _day(page, error.where)
        return page.text(HOURS_OF) % {"day": day} if day else page.text(BY_CODE[error.code])
    return page.text(BY_CODE.get(error.code, UNUSABLE))


def render_problem(request: Request, status: HTTPStatus, code: str, detail: str) -> HTMLResponse:
    """A refusal as a page; the service's own words stand below, for whoever helps."""
    page = page_of(request, getattr(request.state, "session", None))
    sentence = BY_CODE.get(code) or BY_STATUS.get(status, UNUSABLE)
    title = page.text(TITLES.get(status, OTHER_TITLE))
    return page.show(
        "problem.html", status=status, number=int(status), title=title, told=page.text(sentence), code=code,
        detail=detail,
    )  # fmt: skip


def _day(page: Page, where: str) -> str:
    """The day an error of a schedule names: `weekday 0` is Monday, anything else a date or not a day at all."""
    kind, _, number = where.partition(" ")
    if kind == "weekday" and number.isdecimal():
        return format_date(date(2024, 1, 1 + int(number)), "EEEE", locale=page.language)
    try:
        return format_date(date.fromisoformat(where), "long", locale=page.language)
    except ValueError:
        return ""
