"""Whoever signs in finds every page they may open: by following links from their home, nobody needs an address."""

import re
from collections.abc import Iterator
from http import HTTPStatus

from fastapi.testclient import TestClient

from aldaba_cloud.auth.models import Role
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database
from aldaba_cloud.pages.navigation import GROUPS, menu_of
from tests.cloud.conftest import PASSWORD, HandClock
from tests.pages.desk import AS_BROWSER
from tests.pages.lived_in import live_in
from tests.pages.space import Space
from tests.pages.stops import STOPS, page_routes

BY_A_SIGN_AT_THE_DOOR = "/d/{door}"
"""The one page that people come to from outside: its address stands on the door."""


def test_every_page_one_may_open_is_found_by_following_links(
    browser: TestClient, database: Database, config: Config, clock: HandClock
) -> None:
    space = Space(database, config, clock.moment).build()
    live_in(space)
    space.restore()
    lost = {}
    for who in ("op", "admin", "fitter", "sums", "ana"):
        form = {"email": f"{who}@example.org", "password": PASSWORD}
        browser.post("/sign-in", data=form, headers=AS_BROWSER, follow_redirects=False)
        found = set(followed(browser))
        theirs = {stop.route for stop in STOPS if stop.who == who and stop.answers == HTTPStatus.OK}
        lost[who] = theirs - found - {BY_A_SIGN_AT_THE_DOOR}
    assert not any(lost.values()), lost


def followed(browser: TestClient) -> Iterator[str]:
    """The route of every page that links lead to, one page of each."""
    waiting, seen = ["/"], {"/", ""}
    while waiting:
        address = waiting.pop()
        answer = browser.get(address, headers=AS_BROWSER)
        assert answer.status_code == HTTPStatus.OK, f"a link leads to {address}, which answers {answer.status_code}"
        yield route_of(answer.url.path)
        for link in re.findall(r'<a [^>]*href="(/[^"#]*)"', answer.text):
            if (route := route_of(link.partition("?")[0])) not in seen:
                seen.add(route)
                waiting.append(link.replace("&amp;", "&"))


def route_of(path: str) -> str:
    """The route of the page at an address; empty for what the programs' interface serves, such as a file."""
    return next((one.path for one in page_routes() if one.path_regex.match(path)), "")


def test_the_menu_marks_where_one_is_even_below_its_entries() -> None:
    everything = frozenset(Role)
    for path, address in {
        "/board": "/board", "/events/c/j/1": "/board", "/doors/street": "/doors", "/admin/doors/street": "/doors",
        "/card-rounds/x": "/cards", "/admin/held": "/admin/schedules", "/me": "/me", "/me/phone": "/me/phone",
    }.items():  # fmt: skip
        here = menu_of(everything, path).current
        assert here is not None
        assert here.address == address
    assert menu_of(everything, "/account").current is None


def test_nobody_is_shown_an_entry_they_may_not_open() -> None:
    for role in Role:
        assert {entry.role for entry in menu_of({role}, "/").entries} <= {role}
    assert menu_of(set(), "/").entries == ()
    assert len({entry.address for _, entries in GROUPS for entry in entries}) == len(
        menu_of(frozenset(Role), "/").entries
    )
