"""The three languages of the product, its catalogues, and how each writes days, times and money. For pages and letters.

Messages are written in English in templates and code; gettext catalogues hold the
rest. They are read from their `.po` files when the service starts, so that
there is no compiled copy to fall behind.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from importlib.resources import files
from io import BytesIO
from typing import Final, Protocol, cast, get_args
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_skeleton, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from jinja2 import Environment

from aldaba_shared.reasons import Language

LANGUAGES: Final[Mapping[Language, str]] = {"es": "Español", "ca": "Català", "en": "English"}
DEFAULT: Final[Language] = "es"
LOCALES: Final[Mapping[Language, str]] = {"es": "es", "ca": "ca", "en": "en_GB"}
"""How each language writes days and times; English as it is written in Europe, with the day before the month."""


def mark(text: str) -> str:
    """Mark a message for extraction where it stands in a table; it is translated where it is shown."""
    return text


def known(language: str | None) -> Language | None:
    """The language itself if we speak it."""
    return next((one for one in get_args(Language) if one == language), None)


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: Language) -> Translations:
    """The messages of a language; English is what stands in the source."""
    if language == "en":
        return Translations()
    source = files("aldaba_cloud").joinpath(f"pages/translations/{language}.po").read_bytes()
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source), locale=language))
    compiled.seek(0)
    return Translations(compiled)


class _I18n(Protocol):
    """What the i18n extension adds to an environment."""

    def install_gettext_translations(self, translations: object, newstyle: bool) -> None:  # noqa: FBT001 -- its name
        """Translate with these."""


def speak(environment: Environment, language: Language) -> Environment:
    """Teach templates a language: its messages, and how it writes days, times and money."""
    cast("_I18n", environment).install_gettext_translations(catalogue(language), newstyle=True)
    environment.filters.update(_filters(LOCALES[language]))
    return environment


def euros(cents: int | None) -> str:
    """An amount as Spain writes it; nothing where there is none.

    >>> euros(-123450)
    '-1.234,50 €'
    """
    if cents is None:
        return ""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}".replace(",", ".") + f",{rest:02} €"


def _filters(locale: str) -> dict[str, Callable[..., str]]:
    return {
        "day": partial(_day, locale=locale),
        "clock": partial(_clock, locale=locale),
        "moment": partial(_moment, locale=locale),
        "minute": partial(_minute, locale=locale),
        "date": partial(_date, locale=locale),
        "lasting": partial(_lasting, locale=locale),
        "euros": euros,
    }


def _clock(at: datetime, zone: ZoneInfo, *, locale: str, seconds: bool = False) -> str:
    return format_time(at.astimezone(zone), "HH:mm:ss" if seconds else "HH:mm", locale=locale)


def _day(at: datetime, zone: ZoneInfo, *, locale: str) -> str:
    return format_skeleton("MMMMEEEEd", at.astimezone(zone).replace(tzinfo=None), locale=locale)


def _moment(at: datetime, zone: ZoneInfo, *, locale: str) -> str:
    return format_datetime(at.astimezone(zone), "d MMM y, HH:mm:ss", locale=locale)


def _minute(at: datetime, zone: ZoneInfo, *, locale: str) -> str:
    return format_datetime(at.astimezone(zone), "d MMM y, HH:mm", locale=locale)


def _date(day: date, *, locale: str) -> str:
    return format_date(day, "d MMM y", locale=locale)


def _lasting(span: timedelta, *, locale: str) -> str:
    return format_timedelta(span, locale=locale, threshold=1.5)
