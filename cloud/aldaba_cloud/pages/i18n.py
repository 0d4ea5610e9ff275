"""Which of the three languages a page is written in for whoever asks for it."""

from babel import negotiate_locale

from aldaba_cloud.i18n import DEFAULT, LANGUAGES, LOCALES, catalogue, known, mark
from aldaba_shared.reasons import Language

__all__ = ["DEFAULT", "LANGUAGES", "LOCALES", "catalogue", "choose", "known", "mark"]


def choose(wish: str | None, account: str | None, accepted: str) -> Language:
    """The language to speak: what was switched to, else the account's, else what the browser accepts."""
    return known(wish) or known(account) or known(_negotiated(accepted)) or DEFAULT


def _negotiated(accepted: str) -> str | None:
    wanted = [part.split(";")[0].strip().replace("-", "_") for part in accepted.split(",")]
    found = negotiate_locale([one for one in wanted if one and one != "*"], [*LANGUAGES])
    return found or next((one[:2] for one in wanted if one[:2] in LANGUAGES), None)
