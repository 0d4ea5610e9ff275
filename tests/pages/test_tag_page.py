"""What somebody sees who holds one of our tags to a phone."""

import pytest
from fastapi.testclient import TestClient

TAPPED = "/t?e=EF963FF7828658A599F3041510671E88&c=94EED9EE65337086"


@pytest.mark.feature(95)
@pytest.mark.parametrize(
    ("language", "told"), [("en", "Hold it to the reader"), ("es", "Acércala al lector"), ("ca", "Acosta-la al lector")]
)
def test_a_phone_that_reads_a_tag_is_told_where_to_hold_it_and_nothing_of_its_owner(
    browser: TestClient, language: str, told: str
) -> None:
    answer = browser.get(TAPPED, headers={"accept": "text/html", "accept-language": language})
    assert answer.status_code == 200
    assert told in answer.text
    bare = browser.get("/t", headers={"accept": "text/html", "accept-language": language})
    assert [line for line in answer.text.splitlines() if "EF963FF7" in line] == []
    assert len(answer.text) == len(bare.text), "the same for every tag"
