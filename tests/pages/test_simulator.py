"""The simulator's page in Debian's Chromium: doors one can see, cards one can hold to them, at three widths."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from aldaba_sim.page import page as simulator
from tests.pages.pictures import keep_pictures
from tests.pages.served import serious, served
from tests.sim.paper_stage import PaperStage

pytestmark = pytest.mark.system

Open = Callable[..., Page]


@pytest.fixture
def stage() -> PaperStage:
    return PaperStage()


@pytest.fixture
def base(stage: PaperStage) -> Iterator[str]:
    """The address of the page, served for one test."""
    with served(simulator(stage)) as address:
        yield address


@pytest.fixture
def visit(chromium: Browser, base: str) -> Iterator[Open]:
    contexts = []

    def opened(path: str = "/", width: int = 1280, **wishes: str) -> Page:
        size: ViewportSize = {"width": width, "height": 900}
        context = chromium.new_context(viewport=size, base_url=base, **{"locale": "es-ES", **wishes})  # type: ignore[arg-type]  # locale and color_scheme
        contexts.append(context)
        page = context.new_page()
        page.goto(path)
        page.wait_for_selector("[data-door]")
        return page

    yield opened
    for context in contexts:
        context.close()


def test_a_card_is_picked_up_and_held_to_a_reader_and_the_door_says_why_it_opens(visit: Open) -> None:
    page = visit()
    street = page.locator("[data-door=street]")
    page.get_by_label("Ana Ferrer").check()
    street.get_by_role("button", name="Acercar fuera").click()
    expect(street.locator("[data-fact=bolt]")).to_have_text("deja pasar")
    expect(street.locator(".answer")).to_contain_text("Sí:")
    street.get_by_role("button", name="Empujar").click()
    expect(street.locator("[data-fact=leaf]")).to_have_text("abierta")


def test_without_a_card_in_hand_the_page_says_what_to_do(visit: Open, stage: PaperStage) -> None:
    page = visit()
    page.get_by_role("button", name="Acercar fuera").first.click()
    expect(page.get_by_role("status")).to_have_text("Coge antes una tarjeta.")
    assert stage.deeds == []


def test_the_keyboard_alone_opens_a_door(visit: Open, stage: PaperStage) -> None:
    page = visit("/doors/street", locale="en-GB")
    page.get_by_label("Ana Ferrer").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Tap outside").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Porta del carrer. Yes:")
    assert stage.deeds == ["ana taps in of street"]


def test_the_language_is_kept_for_the_next_visit(visit: Open) -> None:
    page = visit()
    page.get_by_role("button", name="ca", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Portes simulades")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Portes simulades")
    assert page.evaluate("document.documentElement.lang") == "ca"


def test_a_search_that_finds_no_card_says_so(visit: Open) -> None:
    page = visit(locale="en-GB")
    page.get_by_label("Find a card").fill("nobody of that name")
    expect(page.get_by_text("No card has that name.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1024, 1920])
def test_the_page_fits_every_width_and_axe_finds_nothing_serious(visit: Open, width: int, scheme: str) -> None:
    page = visit(width=width, color_scheme=scheme)
    page.get_by_label("Unknown card").check()
    page.get_by_role("button", name="Acercar fuera").last.click()
    expect(page.locator("[data-door=lane] .answer")).to_contain_text("No:")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious(page) == []
    if (width, scheme) == (1024, "light"):
        keep_pictures(page, "simulator")
