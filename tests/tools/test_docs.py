"""What is committed as reference is what the code says."""

import re
from enum import StrEnum
from pathlib import Path

import click
import msgspec
import pytest

from aldaba_cloud.config import Config
from aldaba_profiles.catalog import load_catalog
from aldaba_shared.door import DoorState
from aldaba_shared.reasons import SENTENCES, Reason
from aldaba_shared.turnstile import LaneState
from tools import docs, reference
from tools.markdown import table
from tools.notes import notes
from tools.reference_cli import commands, program
from tools.reference_cloud import cloud_settings
from tools.reference_doors import doors
from tools.reference_edge import TABLES, edge_settings
from tools.reference_profiles import profiles


def test_a_page_that_differs_is_missing_or_forgotten_is_found_and_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert docs.main([], tmp_path) == 0
    assert docs.main(["--check"], tmp_path) == 0
    (tmp_path / "reasons.md").write_text("Old.\n")
    (tmp_path / "gone.md").write_text("A command that no longer exists.\n")
    assert docs.main(["--check"], tmp_path) == 1
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [
        "docs/reference/gone.md",
        "docs/reference/reasons.md",
    ]
    docs.main([], tmp_path)
    assert docs.main(["--check"], tmp_path) == 0


@pytest.fixture(scope="module")
def cloud_page() -> str:
    return cloud_settings()


@pytest.mark.parametrize("name", Config.model_fields)
def test_every_setting_of_the_cloud_is_documented(name: str, cloud_page: str) -> None:
    assert f"| `{name}` | `ALDABA_{name.upper()}` |" in cloud_page


def test_every_profile_is_listed_with_how_far_it_was_tried() -> None:
    listed = profiles()
    for found in load_catalog().profiles.values():
        for name, profile in found.items():
            assert f"| `{name}` | {profile.title} | {profile.tested} |" in listed


@pytest.fixture(scope="module")
def edge_page() -> str:
    return edge_settings()


@pytest.mark.parametrize("setting", ["fail_safe", "contact", "active_low"])
def test_what_is_dangerous_to_assume_is_documented_as_having_no_default(setting: str, edge_page: str) -> None:
    row = next(line for line in edge_page.splitlines() if line.startswith(f"| `{setting}` |") and "must" in line)
    assert row.count("|") == 5


@pytest.mark.parametrize("struct", [struct for _, struct in TABLES])
def test_every_setting_of_a_controller_is_documented(struct: type[msgspec.Struct], edge_page: str) -> None:
    assert [name for name in struct.__struct_fields__ if f"| `{name}` |" not in edge_page] == []


@pytest.fixture(scope="module")
def doors_page() -> str:
    return doors()


@pytest.mark.parametrize("state", [*DoorState, *LaneState])
def test_every_state_of_a_door_and_a_lane_is_drawn_and_listed(state: StrEnum, doors_page: str) -> None:
    assert re.search(rf"^    (\w+ --> {state}: |{state} --> )", doors_page, re.MULTILINE)
    assert f"| `{state}` |" in doors_page


class Lamp(StrEnum):
    OFF = "off"
    ON = "on"
    """It shines
    brightly."""


def test_notes_below_members_are_read() -> None:
    assert dict(notes(Lamp)) == {"OFF": "", "ON": "It shines brightly."}


@pytest.fixture(scope="module")
def reasons_page() -> str:
    return reference.reasons()


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_documented_with_its_sentences(reason: Reason, reasons_page: str) -> None:
    row = next(line for line in reasons_page.splitlines() if line.startswith(f"| `{reason}` |"))
    assert all(sentence in row for sentence in SENTENCES[reason].values())


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert table(["a"], [["x|y"]]).splitlines()[-1] == "| x\\|y |"


@click.group()
def door() -> None:
    """Opens and shuts."""


@door.command()
@click.argument("name")
@click.option("--seconds", type=int, default=5, show_default=True, help="How long the lock lets through.")
def release(name: str, seconds: int) -> None:
    """Let people through.

    \b
    $ door release front
    """
    click.echo(f"{name} {seconds}")


@door.command(hidden=True)
def secret() -> None:
    """Not for people."""


def test_a_program_is_documented_command_by_command_with_its_examples() -> None:
    text = program("door", door)
    assert "## `door release`\n\n```console\n$ door release [OPTIONS] NAME\n```\n\nLet people through." in text
    assert "```console\n$ door release front\n```" in text
    assert "| `--seconds INTEGER` | How long the lock lets through. [default: 5] |" in text
    assert "secret" not in text


EVERY_COMMAND = [
    pytest.param(path, context.command, id=path)
    for name, (_, program_of_ours) in reference.PROGRAMS.items()
    for path, context in commands(name, program_of_ours)
]


@pytest.mark.parametrize(("path", "command"), EVERY_COMMAND)
def test_every_command_explains_itself_with_an_example(path: str, command: click.Command) -> None:
    program_name, _, rest = path.partition(" ")
    example = rf"^ *{program_name}( --?\S+( \S+)?)*? {rest}\b"
    assert re.search(example, f"{command.help}\n{command.epilog}", re.MULTILINE)


@pytest.mark.parametrize(("path", "command"), EVERY_COMMAND)
def test_every_option_says_what_it_means(path: str, command: click.Command) -> None:
    silent = [one.name for one in command.params if isinstance(one, click.Option) and not one.help and not one.hidden]
    assert silent == [], path
