"""The simulator's page as programs meet it: what it shows, what hands do, and what it refuses."""

from importlib.resources import files

import pytest
from starlette.testclient import TestClient

from aldaba_sim.page import STATIC, page
from tests.sim.paper_stage import PaperStage


@pytest.fixture
def stage() -> PaperStage:
    return PaperStage()


@pytest.fixture
def hands(stage: PaperStage) -> TestClient:
    return TestClient(page(stage), base_url="http://127.0.0.1")


def test_the_page_and_every_file_it_asks_for_come_from_the_simulator_itself(hands: TestClient) -> None:
    for path in ("/", "/doors/street", *(f"/static/{name}" for name in STATIC)):
        answer = hands.get(path)
        assert answer.status_code == 200, path
        assert "https://" not in answer.text.replace("https://www.w3.org", "")


def test_doors_and_cards_are_shown_as_the_stage_has_them(hands: TestClient) -> None:
    now = hands.get("/now").json()
    assert [door["name"] for door in now["doors"]] == ["Porta del carrer", "Torn d'entrada"]
    assert now["cards"][0] == {"id": "ana", "label": "Ana Ferrer", "note": "Hot desk"}


def test_a_card_that_is_held_to_a_reader_gets_the_doors_answer_in_three_languages(
    hands: TestClient, stage: PaperStage
) -> None:
    assert hands.post("/doors/street/tap", json={"card": "stranger"}).status_code == 202
    street = hands.get("/now").json()["doors"][0]
    assert (street["granted"], street["reason"]) == (False, "unknown_credential")
    assert set(street["sentences"]) == {"es", "ca", "en"}
    assert stage.deeds == ["stranger taps in of street"]


def test_a_leaf_is_pushed_open_and_shut_again(hands: TestClient, stage: PaperStage) -> None:
    hands.post("/doors/street/push", json={"open": True})
    assert hands.get("/now").json()["doors"][0]["leaf_open"]
    hands.post("/doors/street/push", json={"open": False})
    assert stage.deeds == ["somebody opens street", "somebody shuts street"]


def test_the_exit_button_cannot_be_pressed_by_a_form_of_another_page(hands: TestClient, stage: PaperStage) -> None:
    assert hands.post("/doors/street/press").status_code == 404
    assert stage.deeds == []
    assert hands.post("/doors/street/press", headers={"x-aldaba": "page"}).status_code == 202
    assert stage.deeds == ["somebody presses at street"]


def test_a_door_that_is_not_there_is_named_in_the_answer(hands: TestClient) -> None:
    answer = hands.post("/doors/cellar/tap", json={"card": "ana"})
    assert answer.status_code == 404
    assert "There is no door 'cellar' here" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/static/page.py", "/static/..%2fpage.py", "/static/nothing.css"])
def test_no_other_file_leaves_the_simulator(hands: TestClient, path: str) -> None:
    assert hands.get(path).status_code == 404


def test_a_page_that_comes_by_another_name_is_turned_away(stage: PaperStage) -> None:
    elsewhere = TestClient(page(stage), base_url="http://rebound.example.org")
    assert elsewhere.get("/now").status_code == 400


def test_every_file_of_the_page_is_served() -> None:
    there = {file.name for file in (files("aldaba_sim") / "page_files").iterdir()}
    assert there == {"page.html", *STATIC}
