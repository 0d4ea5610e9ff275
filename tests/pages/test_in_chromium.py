"""The pages in Debian's Chromium: what people do, at three widths, in two languages, and what axe finds."""

import time
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Final

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect

from aldaba_cloud.access.service import confirmations
from aldaba_cloud.app import create_app
from aldaba_cloud.auth.models import Role
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_shared import phone
from aldaba_shared.events import DoorHeld
from aldaba_shared.ids import DoorId
from tests.cloud.conftest import BARCELONA, NETWORK, PASSWORD
from tests.pages.served import is_fault, serious, served
from tests.pages.space import Space

pytestmark = pytest.mark.system

WIDTHS: Final = ((360, 800), (1024, 768), (1920, 1080))
PAGE_BYTES: Final = 150_000

Open = Callable[..., Page]


class Site:
    """A running service over a small space."""

    def __init__(self, space: Space, base: str, live: Callable[[], None]) -> None:
        self.space = space
        self.base = base
        self.wake = live


@pytest.fixture
def site(database: Database, config: Config) -> Iterator[Site]:
    space = Space(database, config).build()
    space.account("op@example.org", Role.OPERATOR, "Marta Puig")
    space.account("admin@example.org", Role.ADMIN, "Marta Puig")
    space.account("ana@example.org", Role.MEMBER, "Ana Ferrer", space.holders["Ana Ferrer"])
    for name, door in (("Ana Ferrer", "street"), ("Tom Becker", "llotja"), ("Omar Haddad", "lane")):
        space.tap(name, door)
    space.happen("offices", DoorHeld(DoorId("offices"), 31_000))
    app = create_app(config, database=database)
    with served(app) as base:
        yield Site(space, base, app.state.cloud.live.tell_all)


@pytest.fixture
def visit(chromium: Browser, site: Site) -> Iterator[Open]:
    """Sign somebody in and open a page; any error in the browser's console fails the test."""
    contexts = []
    faults: list[str] = []

    def opened(who: str, path: str, width: int = 1440, height: int = 900, **wishes: str) -> Page:
        wishes = {"locale": "es-ES", **wishes}
        size: ViewportSize = {"width": width, "height": height}
        context = chromium.new_context(viewport=size, base_url=site.base, **wishes)  # type: ignore[arg-type]  # locale and color_scheme
        context.set_default_timeout(90_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if is_fault(said) else None)
        page.goto("/sign-in")
        page.fill("#email", f"{who}@example.org")
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


@pytest.mark.feature(40)
def test_a_tap_appears_on_the_board_by_itself(site: Site, visit: Open) -> None:
    page = visit("op", "/board")
    expect(page.locator("[data-stream-state]")).to_have_text("En directo")
    before = int(page.locator("[data-count=open]").inner_text())
    site.space.tap("Yuki Tanaka", "lane")
    site.wake()
    expect(page.locator("#events li").first).to_contain_text("Yuki Tanaka")
    expect(page.locator("[data-count=open]")).to_have_text(str(before + 1))


def test_the_board_says_when_the_stream_is_broken(visit: Open) -> None:
    page = visit("op", "/board")
    expect(page.locator("[data-stream-state]")).to_have_text("En directo")
    page.clock.install()
    page.clock.run_for(1000)
    page.clock.fast_forward(40_000)
    expect(page.locator("[data-stream-state]")).to_contain_text("Sin conexión")


def test_why_runs_the_very_decision_again(visit: Open) -> None:
    page = visit("op", "/board")
    page.locator(".event.bad .side a").first.click()
    expect(page.locator(".note.good")).to_contain_text("La misma respuesta que en la puerta.")
    expect(page.locator(".steps li", has=page.locator(".no"))).to_contain_text("El momento cae dentro del horario")


def test_a_week_is_painted_by_keyboard_rehearsed_published_and_confirmed(site: Site, visit: Open) -> None:
    page = visit("admin", "/admin/schedules/office-hours")
    tuesday = page.locator("#week-grid svg[role=slider]").nth(1)
    tuesday.focus()
    for key in ["Home", *["PageUp"] * 18, "Space", *["Shift+ArrowRight"] * 3]:
        page.keyboard.press(key)
    expect(page.locator("[name=end-1]").first).to_have_value("19:00")
    page.locator("#week-form button.main").first.click()
    expect(page.locator(".diff .gain .big")).to_have_text("12")
    expect(page.locator(".diff .lose .big")).to_have_text("0")
    page.locator("[data-publishes]").click()
    verdict = page.locator("#confirmations .verdict")
    expect(verdict).to_contain_text("de 5 puertas")
    confirm_everything(site)
    expect(verdict).to_have_text("Las 5 puertas lo han confirmado.")


def test_a_week_that_no_door_could_follow_is_refused_in_words(visit: Open) -> None:
    page = visit("admin", "/admin/schedules/office-hours")
    page.locator("[name=end-0]").first.fill("08:00")
    page.locator("#week-form button.main").first.click()
    expect(page.locator("#rehearsal [role=alert]")).to_contain_text("Esta semana no se puede usar.")


def test_a_revoked_card_is_confirmed_on_the_page_as_doors_follow(site: Site, visit: Open) -> None:
    card = site.space.cards[site.space.holders["Omar Haddad"]]
    page = visit("op", f"/credentials/{card}")
    page.locator("button.danger").click()
    expect(page.locator("#confirmations .badge.warn")).not_to_have_count(0)
    confirm_everything(site)
    expect(page.locator("#confirmations .verdict")).to_have_text("Las 5 puertas lo han confirmado.")


def test_a_member_sees_their_doors_and_blocks_a_lost_card(visit: Open) -> None:
    page = visit("ana", "/me", 360, 800)
    expect(page.locator(".place strong").first).to_be_visible()
    assert {"Porta del carrer", "Torn d'entrada", "Sala Llotja"} <= set(page.locator(".place strong").all_inner_texts())
    page.get_by_role("button", name="La he perdido").click()
    page.get_by_role("button", name="Anularla").click()
    expect(page.locator(".note.good")).to_contain_text("está anulada")
    expect(page.get_by_role("button", name="La he perdido")).to_have_count(0)


@pytest.mark.feature(35)
def test_a_phone_becomes_a_key_and_its_code_proves_it_and_changes(visit: Open) -> None:
    page = visit("ana", "/me/phone", width=390, height=844, color_scheme="dark")
    page.get_by_role("button", name="Usar este móvil como llave").click()
    expect(page.locator("#phone .qr svg")).to_be_visible()
    assert serious(page) == []
    key_id, moments = "", []
    for _ in range(2):
        drawn = page.locator("#phone .qr svg path").get_attribute("d")
        (read,) = zxingcpp.read_barcodes(Image.open(BytesIO(page.locator("#phone .qr svg").screenshot())))
        code = phone.read(read.text.encode())
        assert code is not None
        key_id = code.key_id.hex()
        moments.append(code.moment)
        expect(page.locator("#phone .qr svg path")).not_to_have_attribute("d", drawn or "")
    assert moments[0] < moments[1]
    assert abs(moments[1] - time.time() * 1000) < 60_000
    page.reload()
    expect(page.locator("#phone .qr svg")).to_be_visible()
    assert page.locator("#phone").get_attribute("data-keys") == key_id, "the key is kept, and known to the cloud"


def test_a_whole_site_is_locked_down_from_a_phone_after_a_question_and_lifted(visit: Open) -> None:
    page = visit("op", "/board", 360, 800)
    menu = page.get_by_role("navigation")
    page.get_by_role("button", name="Menú").press("Enter")
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Menú").click()
    menu.get_by_role("link", name="Puertas").click()
    ask = page.get_by_role("button", name="Bloquear toda la sede")
    ask.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("las 5 puertas")
    expect(dialog).to_contain_text("las salidas siguen")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(ask).to_be_focused()
    ask.click()
    dialog.locator("button.danger").click()
    expect(page.locator(".door .badge.bad", has_text="bloqueada")).to_have_count(5)
    page.get_by_role("button", name="Levantar el bloqueo").click()
    expect(page.locator(".door .badge.bad", has_text="bloqueada")).to_have_count(0)


def test_after_a_restore_an_admin_looks_and_lets_the_doors_go(site: Site, visit: Open) -> None:
    site.space.restore()
    for number, (controller, _) in enumerate(site.space.published()[1:], 1):
        site.space.confirm(controller, 1, 3 + number)
    site.space.refuse("Omar Haddad", "lane")
    for width in (1280, 360):
        page = visit("admin", "/admin/schedules", width, 800)
        page.click("text=Ver qué cambiaría")
        expect(page.locator("#h-go")).to_be_visible()
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        expect(page.locator("table").last).to_contain_text("Omar Haddad")
    page.evaluate("document.querySelector('[name=looked]').required = false")
    page.click("main button.main")
    expect(page.locator("#h-go")).to_be_visible()  # nobody said that they had looked
    page.check("input[name=looked]")
    page.click("main button.main")
    page.wait_for_url(lambda url: "published=1" in url)
    expect(page.locator("#h-confirm")).to_be_visible()
    expect(page.locator("#h-go")).to_have_count(0)
    assert serious(page) == []


@pytest.mark.parametrize("locale", ["es-ES", "en-GB"])
@pytest.mark.parametrize(
    ("who", "path"), [("op", "/board"), ("admin", "/admin/schedules/office-hours"), ("ana", "/me")]
)
def test_no_page_scrolls_sideways_at_any_width(visit: Open, who: str, path: str, locale: str) -> None:
    page = visit(who, path, locale=locale)
    page.request.post("/preferences", form={"language": locale[:2]})
    for width, height in WIDTHS:
        page.set_viewport_size({"width": width, "height": height})
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("html").get_attribute("lang") == locale[:2]


def confirm_everything(site: Site) -> None:
    """Every controller says that it follows its newest rules."""
    with site.space.database.read() as db:
        wanted = confirmations(Work(db, Scope(NETWORK, frozenset({BARCELONA})), site.space.now))
    for one in wanted:
        site.space.confirm(one.controller, *one.published)
    site.wake()
