"""The three languages of the product: which one somebody reads, and its catalogue.

Messages are written in English in templates and code; gettext catalogues hold the
rest. They are read from their `.po` files when the service starts, so that
there is no compiled copy to fall behind.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Final, get_args

from babel import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from aldaba_shared.reasons import Language

LANGUAGES: Final[Mapping[Language, str]] = {"es": "Español", "ca": "Català", "en": "English"}
DEFAULT: Final[Language] = "es"


def mark(text: str) -> str:
    """Mark a message for extraction where it stands in a table; it is translated where it is shown."""
    return text


def known(language: str | None) -> Language | None:
    """The language itself if we speak it."""
    return next((one for one in get_args(Language) if one == language), None)


def choose(wish: str | None, account: str | None, accepted: str) -> Language:
    """The language to speak: what was switched to, else the account's, else what the browser accepts."""
    return known(wish) or known(account) or known(_negotiated(accepted)) or DEFAULT


def _negotiated(accepted: str) -> str | None:
    wanted = [part.split(";")[0].strip().replace("-", "_") for part in accepted.split(",")]
    found = negotiate_locale([one for one in wanted if one and one != "*"], [*LANGUAGES])
    return found or next((one[:2] for one in wanted if one[:2] in LANGUAGES), None)


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: Language) -> Translations:
    """The messages of a language; English is what stands in the source."""
    if language == "en":
        return Translations()
    source = files(__package__).joinpath(f"translations/{language}.po").read_bytes()
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source), locale=language))
    compiled.seek(0)
    return Translations(compiled)
