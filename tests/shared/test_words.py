"""The four words of a pairing."""

import pytest

from aldaba_shared.words import four_words, proquint


@pytest.mark.parametrize(
    ("number", "word"), [(0x7F00, "lusab"), (0x0001, "babad"), (0x3F54, "gutih"), (0xDCC1, "tugad")]
)
def test_words_are_the_proquints_of_the_paper(number: int, word: str) -> None:
    assert proquint(number) == word


def test_another_cloud_in_between_shows_other_words() -> None:
    assert four_words(b"door", b"cloud") != four_words(b"door", b"somebody else")
    assert len(four_words(b"door", b"cloud").split()) == 4
