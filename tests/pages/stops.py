"""Every page of the service, who opens it, and what they do there: the table behind the walk and the pictures.

A route that answers with a page needs a `Stop` here, or a line in `NO_PAGES` that says
what it answers instead. `do` is what somebody presses once there, to see what the page says then.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fastapi.routing import APIRoute
from playwright.sync_api import Page

from aldaba_cloud.pages.mount import PARTS
from tests.pages.space import Space


@dataclass(frozen=True, slots=True)
class Stop:
    """One page in one state; its name is that of its picture."""

    name: str
    route: str
    who: str
    address: str = ""
    do: Callable[[Page], None] | None = None
    before: Callable[[Space], None] | None = None
    answers: int = 200

    @property
    def path(self) -> str:
        """Where somebody goes; the route itself unless it has a hole to fill."""
        return self.address or self.route


def page_routes() -> list[APIRoute]:
    """Every route by which the pages answer a browser that looks."""
    return [
        one
        for part in PARTS
        for one in part.router.routes
        if isinstance(one, APIRoute) and "GET" in (one.methods or ())
    ]


def press(selector: str) -> Callable[[Page], None]:
    """Press something, and wait for what it leads to."""

    def pressed(page: Page) -> None:
        with page.expect_navigation():
            page.locator(selector).first.click()

    return pressed


def opened(selector: str) -> Callable[[Page], None]:
    """Press something that opens a dialog on the same page."""
    return lambda page: page.locator(selector).first.click()


def follow(pattern: str) -> Callable[[Page], None]:
    """Follow the first link whose address looks so: for pages whose address nobody knows beforehand."""

    def followed(page: Page) -> None:
        links = page.locator("main a").evaluate_all("links => links.map(one => one.getAttribute('href'))")
        page.goto(next(one for one in links if re.fullmatch(pattern, one)))

    return followed


def send(button: str, **fields: str) -> Callable[[Page], None]:
    """Fill a form and send it."""

    def sent(page: Page) -> None:
        for name, value in fields.items():
            page.locator(f"main [name={name}]").first.fill(value)
        press(button)(page)

    return sent


def chosen(page: Page) -> None:
    """A door for the next controller, and its code."""
    page.locator("main [name=name]").fill("Rebost")
    page.locator("main [name=door]").first.check()
    press("main form button.main")(page)


def wrong_password(page: Page) -> None:
    """Sign in as nobody can."""
    send("main button", email="marta@example.org", password="not this one")(page)


CARD: Final = "/admin/members/hol_03"
STREET: Final = "/admin/controllers/ctl-street"

STOPS: Final = (
    Stop("sign-in", "/sign-in", ""),
    Stop("sign-in-refused", "/sign-in", "", do=wrong_password, answers=401),
    Stop("tag", "/t", ""),
    Stop("account", "/account", "op"),
    Stop("account-accountant", "/account", "sums"),
    Stop("board", "/board", "op"),
    Stop("board-wall", "/board", "op", "/board?wall=1"),
    Stop("board-empty", "/board", "op", "/board?site=site_gro"),
    Stop("event", "/events/{controller}/{journal}/{sequence}", "op", "/board", follow("/events/.*")),
    Stop("doors", "/doors", "op"),
    Stop("doors-empty", "/doors", "op", "/doors?site=site_gro"),
    Stop("doors-lockdown-asked", "/doors", "op", do=opened("[data-opens=lockdown]")),
    Stop("door", "/doors/{door}", "op", "/doors/offices"),
    Stop("door-released", "/doors/{door}", "op", "/doors/llotja", press("form[action$=release] button")),
    Stop("no-such-door", "/doors/{door}", "op", "/doors/nowhere", answers=404),
    Stop("tasks", "/tasks", "op"),
    Stop("tasks-empty", "/tasks", "op", "/tasks?site=site_gro"),
    Stop("passes", "/passes", "op"),
    Stop("passes-empty", "/passes", "op", "/passes?site=site_gro"),
    Stop("pass", "/passes/{name}", "op", "/passes", follow("/passes/.+")),
    Stop("cards", "/cards", "op"),
    Stop("cards-empty", "/cards", "op", "/cards?site=site_gro"),
    Stop("card-give", "/cards/tapped/{line:path}", "op", "/cards", follow("/cards/tapped/.*")),
    Stop("card-give-nobody", "/cards/tapped/{line:path}", "op", "/cards", follow("/cards/tapped/.*")),
    Stop("cards-copyable", "/cards/copyable", "op"),
    Stop("card-rounds", "/card-rounds", "op"),
    Stop("card-round", "/card-rounds/{name}", "op", "/card-rounds", follow("/card-rounds/.+")),
    Stop("credential", "/credentials/{credential}", "admin", CARD, follow("/credentials/.*")),
    Stop("schedules", "/admin/schedules", "admin"),
    Stop("schedules-empty", "/admin/schedules", "admin", "/admin/schedules?site=site_gro"),
    Stop("schedule", "/admin/schedules/{schedule}", "admin", "/admin/schedules/office-hours"),
    Stop(
        "schedule-rehearsed", "/admin/schedules/{schedule}", "admin", "/admin/schedules/office-hours",
        lambda page: page.locator("#week-form button.main").first.click(),
    ),
    Stop("members", "/admin/members", "admin"),
    Stop("members-nobody", "/admin/members", "admin", "/admin/members?find=zzz"),
    Stop("member", "/admin/members/{holder}", "admin", "/admin/members/hol_00"),
    Stop("member-pin", "/admin/members/{holder}", "admin", "/admin/members/hol_05", press("form[action$=pin] button")),
    Stop("plans", "/admin/plans", "admin"),
    Stop("levels", "/admin/levels", "admin"),
    Stop("levels-empty", "/admin/levels", "admin", "/admin/levels?site=site_gro"),
    Stop("controllers", "/admin/controllers", "fitter"),
    Stop("controllers-code", "/admin/controllers", "fitter", do=chosen),
    Stop("controllers-empty", "/admin/controllers", "fitter", "/admin/controllers?site=site_gro"),
    Stop("controller", "/admin/controllers/{controller}", "fitter", STREET),
    Stop("controller-swap", "/admin/controllers/{controller}", "fitter", STREET, press("form[action$=replace] button")),
    Stop("controller-retire", "/admin/controllers/{controller}/retire", "fitter", f"{STREET}/retire"),
    Stop("door-use", "/admin/doors/{door}", "admin", "/admin/doors/street"),
    Stop(
        "door-use-rehearsed", "/admin/doors/{door}", "admin", "/admin/doors/street",
        press("button[formaction$=rehearse]"),
    ),
    Stop(
        "door-use-no-pins", "/admin/doors/{door}", "admin", "/admin/doors/street",
        press("button[formaction$='factors/rehearse']"),
    ),
    Stop("sticker-print", "/admin/doors/{door}/sticker", "admin", "/admin/doors/street/sticker"),
    Stop("emergency-codes", "/admin/emergency-codes", "admin"),
    Stop("emergency-sheet", "/admin/emergency-codes", "admin", do=press("main form button.main")),
    Stop("invoices", "/money", "sums"),
    Stop("invoice-run", "/money/run", "sums", "/money/run?month=2026-12"),
    Stop("debts", "/money/debts", "sums"),
    Stop("money-settings", "/money/settings", "sums"),
    Stop("money-settings-admin", "/money/settings", "admin"),
    Stop("unmatched", "/money/unmatched", "sums"),
    Stop("invoice", "/money/invoices/{invoice}", "sums", "/money", follow("/money/invoices/.+")),
    Stop("duty", "/admin/duty", "admin"),
    Stop("letters", "/letters", "op"),
    Stop("letters-failed", "/letters", "op", "/letters?outcome=failed"),
    Stop("duty-empty", "/admin/duty", "admin", "/admin/duty?site=site_gro"),
    Stop("me", "/me", "ana"),
    Stop("me-card-lost", "/me", "ana", do=opened("[data-opens=block-1]")),
    Stop("phone", "/me/phone", "ana"),
    Stop("sticker", "/d/{door}", "ana", "/d/street"),
    Stop("sticker-asked", "/d/{door}", "ana", "/d/street", press("main form button")),
    Stop("sticker-refused", "/d/{door}", "ana", "/d/llotja"),
    Stop("not-yours", "/admin/members", "op", answers=403),
    Stop("held-empty", "/admin/held", "admin"),
    Stop("held", "/admin/held", "admin", before=Space.restore),
)  # fmt: skip

NO_PAGES: Final = {
    "/": "leads to where somebody's work begins",
    "/static/{path:path}": "styles, scripts and icons",
    "/board/live": "a stream",
    "/cards/live": "a stream",
    "/card-rounds/{name}/live": "a stream",
    "/confirmations/live": "a stream",
    "/d/{door}/answer": "a fragment of the door's page",
    "/admin/doors/{door}/sticker.svg": "a picture",
    "/admin/controllers/{controller}/label.svg": "a picture",
}
