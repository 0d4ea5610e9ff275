"""What every page stands on: the template environment, the language, the theme, and who looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from aldaba_cloud.auth.models import Role, Session, roles_of
from aldaba_cloud.deps import TransactionDep, session_or_none
from aldaba_cloud.i18n import speak
from aldaba_cloud.pages.assets import Asset, load_assets
from aldaba_cloud.pages.i18n import LANGUAGES, catalogue, choose
from aldaba_cloud.pages.navigation import menu_of
from aldaba_cloud.pages.words import KINDS
from aldaba_shared.reasons import Language

LANGUAGE_COOKIE: Final = "aldaba_language"
THEME_COOKIE: Final = "aldaba_theme"
THEMES: Final = ("light", "dark")


class Renderer:
    """Templates in every language; one for the whole service."""

    def __init__(self) -> None:
        self.assets: dict[str, Asset] = load_assets()
        self._environments = {language: self._environment(language) for language in LANGUAGES}

    def draw(self, template: str, language: Language, context: Mapping[str, object]) -> str:
        """The text of a template in a language."""
        return self._environments[language].get_template(template).render(context)

    def asset(self, path: str) -> str:
        """The address of an asset, which changes with its bytes."""
        return f"/static/{path}?v={self.assets[path].tag}"

    def _environment(self, language: Language) -> Environment:
        environment = Environment(
            loader=PackageLoader("aldaba_cloud.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        speak(environment, language)
        environment.globals.update(asset=self.asset, assets=self.assets, languages=LANGUAGES, language=language)
        environment.globals["card_kinds"] = KINDS
        return environment


@cache
def renderer() -> Renderer:
    """The one of this process: a template is compiled once, however many services there are."""
    return Renderer()


@dataclass(frozen=True, slots=True)
class Page:
    """One page for one person: in their language and theme, with what they may open in the navigation."""

    renderer: Renderer
    language: Language
    theme: str
    path: str
    session: Session | None = None

    @property
    def roles(self) -> frozenset[Role]:
        """Everything the signed-in account may do, somewhere."""
        return roles_of(self.session.account.grants) if self.session else frozenset()

    def text(self, message: str) -> str:
        """A marked message, in the language of the page."""
        return str(catalogue(self.language).gettext(message))

    def draw(self, template: str, **context: object) -> str:
        """A template or a fragment, with what every page knows."""
        known: dict[str, object] = {"page": self, "roles": {str(role) for role in self.roles}, "zone": ZoneInfo("UTC")}
        return self.renderer.draw(template, self.language, known | context)

    def show(self, template: str, *, status: int = HTTPStatus.OK, **context: object) -> HTMLResponse:
        """A whole page as an answer."""
        drawn = self.draw(template, menu=menu_of(self.roles, self.path), **context)
        return HTMLResponse(drawn, status, {"content-language": self.language})


def page_of(request: Request, session: Session | None) -> Page:
    """The page for whoever sent this request."""
    accepted = request.headers.get("accept-language", "")
    locale = session.account.locale if session else None
    theme = request.cookies.get(THEME_COOKIE, "")
    return Page(
        renderer=request.app.state.renderer,
        language=choose(request.cookies.get(LANGUAGE_COOKIE), locale, accepted),
        theme=theme if theme in THEMES else "",
        path=request.url.path,
        session=session,
    )


async def _page(request: Request, db: TransactionDep) -> Page:
    return page_of(request, await session_or_none(request, db))


PageDep = Annotated[Page, Depends(_page, scope="function")]


def newest(moments: Sequence[datetime | None]) -> datetime | None:
    """The latest of some moments that may be unknown."""
    return max((one.astimezone(UTC) for one in moments if one is not None), default=None)
