"""What the pages tell people to type is what the programs take, and what can be followed on a desk is followed."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from aldaba_cloud.cli import main as cloud
from aldaba_edge.cli import main as edge
from aldaba_sim.cli import main as sim

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [*sorted((ROOT / "docs" / "how-to").glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
PROGRAMS: dict[str, click.Command] = {"aldaba-edge": edge, "aldaba-cloud": cloud, "aldaba-sim": sim}
TYPED = re.compile(r"^ *\$ (.+)$|`([^`\n]*\baldaba-(?:edge|cloud|sim)\b[^`\n]*)`", re.MULTILINE)
EXAMPLE = ROOT / "docs" / "examples" / "edge.toml"


def told() -> Iterator[tuple[str, list[str]]]:
    """Every line of ours that a page has somebody type: the page, and the words."""
    for page in PAGES:
        for match in TYPED.finditer(page.read_text("utf-8")):
            words = shlex.split(match[1] or match[2], comments=True)
            ours = [
                at
                for at, word in enumerate(words)
                if word.rsplit("/", 1)[-1] in PROGRAMS and not words[max(at - 1, 0)].startswith("-")
            ]
            if ours:
                yield page.name, [words[ours[0]].rsplit("/", 1)[-1], *words[ours[0] + 1 :]]


LINES = sorted({(page, " ".join(map(shlex.quote, words))) for page, words in told()})


def refused(line: str) -> str | None:
    """What a program says to words it does not know; values are not judged, `CODE` may stand for one."""
    name, *words = shlex.split(line)
    command = PROGRAMS[name]
    while words and isinstance(command, click.Group):
        found = command.commands.get(words[0])
        if found is None:
            return f"{name} has no command {words[0]}"
        command, words = found, words[1:]
    try:
        with click.Context(command) as context:
            _, left, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        return error.message
    return f"too many words: {left}" if left and not isinstance(command, click.Group) else None


@pytest.mark.parametrize(("page", "line"), LINES)
def test_a_command_of_a_page_is_one_that_the_program_takes(page: str, line: str) -> None:
    assert refused(line) is None, page


def test_enough_commands_were_found_and_a_wrong_one_would_be() -> None:
    assert len(LINES) > 40
    assert refused("aldaba-edge pair CODE --colour green")
    assert refused("aldaba-edge open door-street")
    assert refused("aldaba-edge pair CODE too many")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_file_of_this_repository_that_a_page_has_copied_is_there(page: Path) -> None:
    named = set(re.findall(r"(?<![\w/.])((?:systemd|installer|docs/examples)/[\w.-]+\w)", page.read_text("utf-8")))
    assert [one for one in sorted(named) if not (ROOT / one).exists()] == []


@pytest.mark.parametrize("line", [line for page, line in LINES if re.search(r"-edge (check|wiring|profiles)", line)])
def test_what_an_installer_reads_before_touching_a_wire_works_on_the_example(line: str, tmp_path: Path) -> None:
    written = tmp_path / "edge.toml"
    written.write_text(EXAMPLE.read_text("utf-8"))
    written.chmod(0o640)
    _, verb, *words = shlex.split(line)
    words = [str(tmp_path / one) if one.endswith(".svg") else one for one in words]
    if verb == "check" and not words:
        words = [str(written)]
    if verb == "wiring":
        words += ["--config", str(written)]
    done = CliRunner().invoke(edge, [verb, *words])
    assert done.exit_code == 0, done.output
    assert done.output
