"""`aldaba-sim card` against a page that really listens."""

import json
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from click.testing import CliRunner, Result

from aldaba_sim.cli import main
from aldaba_sim.demo import free_port
from aldaba_sim.page import page
from tests.sim.paper_stage import PaperStage

pytestmark = pytest.mark.system


@pytest.fixture
def stage() -> PaperStage:
    return PaperStage()


@pytest.fixture
def port(stage: PaperStage) -> Iterator[int]:
    free = free_port(0)
    server = uvicorn.Server(uvicorn.Config(page(stage), host="127.0.0.1", port=free, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield free
    server.should_exit = True
    thread.join()


def card(port: int, *words: str) -> Result:
    return CliRunner().invoke(main, ["card", *words, "--port", str(port)])


def test_a_card_of_the_table_is_held_to_a_reader_and_the_answer_is_told(port: int, stage: PaperStage) -> None:
    done = card(port, "street", "--card", "ana", "--json")
    assert json.loads(done.output) == {
        "door": "street",
        "granted": True,
        "reason": "granted",
        "sentence": "Come in.",
    }
    assert done.exit_code == 0
    assert stage.deeds == ["ana taps in of street"]


def test_any_number_can_be_held_and_a_denial_is_exit_one(port: int, stage: PaperStage) -> None:
    done = card(port, "lane", "--uid", "deadbeef", "--side", "out", "--language", "es")
    assert done.exit_code == 1
    assert "unknown_credential" in done.output
    assert stage.deeds == ["deadbeef taps out of lane"]


def test_the_table_lists_doors_and_cards(port: int) -> None:
    listed = card(port).output
    assert "door  lane" in listed
    assert "card  ana" in listed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["cellar", "--card", "ana"], "has no door 'cellar'", id="no such door"),
        pytest.param(["lane"], "Give --card or --uid", id="no card"),
        pytest.param(["lane", "--uid", "xyz"], "should match pattern", id="no number"),
    ],
)
def test_what_is_not_there_is_said_and_ends_two(port: int, words: list[str], said: str) -> None:
    done = card(port, *words)
    assert done.exit_code == 2
    assert said in done.output


def test_without_a_demo_it_says_how_to_start_one() -> None:
    done = card(free_port(0), "lane", "--card", "ana")
    assert done.exit_code == 2
    assert "aldaba-sim demo" in done.output
