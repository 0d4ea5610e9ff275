import pytest

from aldaba_cloud.pages.i18n import LANGUAGES, catalogue, choose
from tools.translations import TRANSLATED, extracted, load, untranslated


@pytest.mark.parametrize("language", TRANSLATED)
def test_nothing_is_left_in_english(language: str) -> None:
    assert untranslated(language, extracted()) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_keeps_every_value_its_message_shows(language: str) -> None:
    wrong = [
        message.id
        for message in load(language)
        if message.id and message.python_format and any(True for _error in message.check())
    ]
    assert wrong == []


def test_templates_and_code_are_both_read_for_messages() -> None:
    messages = {str(message.id) for message in extracted()}
    assert {"Wall screen", "Nobody answers at this door"} <= messages


@pytest.mark.parametrize(
    ("wish", "account", "accepted", "spoken"),
    [
        pytest.param("ca", "es", "en", "ca", id="what was switched to wins"),
        pytest.param(None, "ca", "en", "ca", id="then the account's"),
        pytest.param(None, None, "ca-ES,es;q=0.8", "ca", id="then the browser's"),
        pytest.param(None, None, "en-GB,en;q=0.9", "en", id="a region is no obstacle"),
        pytest.param(None, None, "de-DE,de;q=0.9", "es", id="else Spanish"),
        pytest.param("xx", None, "", "es", id="an unknown wish is no wish"),
    ],
)
def test_the_language_is_the_readers(wish: str | None, account: str | None, accepted: str, spoken: str) -> None:
    assert choose(wish, account, accepted) == spoken


def test_every_language_says_a_message_its_own_way() -> None:
    assert {str(catalogue(language).gettext("Who is in")) for language in LANGUAGES} == {
        "Quién está dentro",
        "Qui hi ha a dins",
        "Who is in",
    }
