"""A walk over every page in Debian's Chromium: one browser, one service, everybody who may open it.

`make screens` takes the same walk and keeps a picture of every stop in `docs/screens/`.
"""

import os
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize

from aldaba_cloud.app import create_app
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database
from tests.cloud.conftest import PASSWORD, HandClock
from tests.pages.lived_in import live_in
from tests.pages.pictures import DESK, FOLDER, NARROW, keep_pictures
from tests.pages.served import is_fault, serious, served
from tests.pages.space import Space
from tests.pages.stops import NO_PAGES, STOPS, Stop, page_routes

pytestmark = pytest.mark.system

LANGUAGE: Final = "en" if FOLDER else "es"
ONLY: Final = os.environ.get("ALDABA_SCREENS_ONLY", "").split()
"""The names of a few stops, for whoever works on their looks; otherwise it is all of them."""
WIDE: Final[ViewportSize] = {"width": 1920, "height": 1080}
PAGE_BYTES: Final = 150_000
OVERFLOW: Final = "document.documentElement.scrollWidth - innerWidth"
WEIGHT: Final = "performance.getEntriesByType('resource').reduce((all, one) => all + one.encodedBodySize, 0)"
MOVED: Final = [
    "color-contrast",
    "target-size",
    "scrollable-region-focusable",
    "button-name",
    "link-name",
    "aria-hidden-focus",
]
"""The rules whose answer another width or theme can change; the others see the same page as before."""
BEFORE_MAIN: Final = """() => {
  const part = document.querySelector("dialog[open]") || document.querySelector("main");
  const shown = (what) => [...part.querySelectorAll(what)].filter((one) => one.checkVisibility() && !one.disabled);
  const wanted = shown("button.main, a.button.main")[0] || shown("button, a")[0];
  if (!wanted) return false;
  const order = shown("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']");
  (order[order.indexOf(wanted) - 1] || part).focus();
  window.wantedNext = wanted;
  return true;
}"""
"""Puts the focus right before the main action of the page, or of the dialog that is open."""
PARTS_OF_A_TIME: Final = 6
"""A field for a day or a time takes as many presses of the Tab key."""
FOCUS_SHOWS: Final = """() => {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  return document.activeElement === window.wantedNext && outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
}"""


class Walk:
    """One browser window for each account, signed in once; what went wrong on the way."""

    def __init__(self, chromium: Browser, base: str) -> None:
        self._chromium, self._base = chromium, base
        self._pages: dict[str, Page] = {}
        self.faults: list[str] = []
        self.expected = ""

    def at(self, stop: Stop) -> Page:
        """The page of a stop, in light and at a desk's width."""
        if stop.who not in self._pages:
            self._pages[stop.who] = self._signed_in(stop.who)
        self.expected = f"status of {stop.answers} "
        page = self._pages[stop.who]
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        page.set_viewport_size(DESK)
        page.goto(stop.path)
        if stop.do is not None:
            stop.do(page)
        return page

    def leave(self) -> None:
        """Sign in anew from here on: whatever was open has ended."""
        for page in self._pages.values():
            page.context.close()
        self._pages.clear()

    def _heard(self, page: Page, said: ConsoleMessage) -> None:
        if is_fault(said) and self.expected not in said.text:
            self.faults.append(f"{page.url}: {said.text}")

    def _signed_in(self, who: str) -> Page:
        context = self._chromium.new_context(base_url=self._base, locale="es-ES")
        context.set_default_timeout(90_000)  # a loaded machine is no fault of the page
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self._heard(page, said))
        if who:
            page.request.post("/sign-in", form={"email": f"{who}@example.org", "password": PASSWORD})
        page.request.post("/preferences", form={"language": LANGUAGE})
        return page


@pytest.fixture
def space(database: Database, config: Config, clock: HandClock) -> Space:
    space = Space(database, config, clock.moment).build()
    live_in(space)
    return space


@pytest.fixture
def walk(chromium: Browser, space: Space, clock: HandClock) -> Iterator[Walk]:
    with served(create_app(space.config, clock=clock, database=space.database)) as base:
        walk = Walk(chromium, base)
        yield walk
        walk.leave()


def test_every_page_is_sound_at_every_width_in_both_themes_and_by_keyboard(walk: Walk, space: Space) -> None:
    found: dict[str, list[str]] = {}
    for stop in STOPS:
        if not ONLY or stop.name in ONLY:
            page = arrived(walk, space, stop)
            keep_pictures(page, stop.name)
            wrong = wrong_with(page)
            if wrong:
                found[stop.name] = wrong
    assert (found, walk.faults) == ({}, [])


def arrived(walk: Walk, space: Space, stop: Stop) -> Page:
    """The page of a stop, after what must happen before it."""
    if stop.before is not None:
        stop.before(space)
        walk.leave()
    return walk.at(stop)


def wrong_with(page: Page) -> list[str]:
    """What is wrong with a page: for a reader, for a keyboard, for a small screen, for a slow line."""
    wrong = serious(page)
    if page.evaluate(BEFORE_MAIN) and not tabbed_to_main(page):
        wrong.append("its main action is not the next stop of the Tab key, or shows no focus")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(NARROW)
    wrong += serious(page, MOVED)
    for size in (NARROW, WIDE):
        page.set_viewport_size(size)
        if (over := page.evaluate(OVERFLOW)) > 0:
            wrong.append(f"scrolls {over} pixels sideways at {size['width']}")
    if (weight := page.evaluate(WEIGHT)) >= PAGE_BYTES:
        wrong.append(f"weighs {weight} bytes")
    return wrong


def tabbed_to_main(page: Page) -> bool:
    """Whether the Tab key leads from what stands before the main action to it, and one sees that."""
    for _press in range(PARTS_OF_A_TIME):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUS_SHOWS):
            return True
    return False


def test_every_route_has_its_stop_or_says_what_else_it_answers() -> None:
    assert {stop.route for stop in STOPS} | set(NO_PAGES) == {route.path for route in page_routes()}
    assert not {stop.route for stop in STOPS} & set(NO_PAGES)
