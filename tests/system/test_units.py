"""The units start, are watched, and may do little; judged by systemd's own tools."""

import re
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parent.parent.parent / "systemd"
EXPOSURE = re.compile(r"Overall exposure level for \S+: (\d+\.\d+)")

pytestmark = pytest.mark.system


def unit_with(folder: Path, name: str, *drop_ins: str) -> Path:
    """A copy of the unit, beside its drop-ins, whose program exists on this machine."""
    unit = folder / name
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", (UNITS / name).read_text(), flags=re.MULTILINE))
    for drop_in in drop_ins:
        (folder / f"{name}.d").mkdir(exist_ok=True)
        (folder / f"{name}.d" / drop_in).write_text((UNITS / drop_in).read_text())
    return unit


def exposure(unit: Path) -> float:
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = EXPOSURE.search(said)
    assert found, said
    return float(found[1])


CASES = [
    pytest.param("aldaba-edge.service", [], 1.5, id="edge"),
    pytest.param("aldaba-edge.service", ["aldaba-edge-pins.conf"], 1.5, id="edge with pins"),
    pytest.param("aldaba-edge.service", ["aldaba-edge-pcsc.conf"], 1.8, id="edge with pcscd"),
    pytest.param("aldaba-edge-guard.service", [], 2.0, id="guard of updates"),
    pytest.param("aldaba-cloud.service", [], 2.0, id="cloud"),
]


@pytest.mark.parametrize(("name", "drop_ins", "limit"), CASES)
def test_a_unit_may_do_little(name: str, drop_ins: list[str], limit: float, tmp_path: Path) -> None:
    assert exposure(unit_with(tmp_path, name, *drop_ins)) <= limit


@pytest.mark.parametrize(("name", "drop_ins", "limit"), CASES)
def test_systemd_finds_nothing_wrong_with_a_unit(name: str, drop_ins: list[str], limit: float, tmp_path: Path) -> None:
    unit = unit_with(tmp_path, name, *drop_ins)
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    ours = [line for line in (said.stdout + said.stderr).splitlines() if "aldaba" in line]
    assert (said.returncode, ours) == (0, []), limit


def test_the_measure_would_notice_a_unit_that_may_do_everything(tmp_path: Path) -> None:
    unit = tmp_path / "open.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    assert exposure(unit) > 9


def test_a_door_is_started_again_for_ever_and_watched() -> None:
    lines = (UNITS / "aldaba-edge.service").read_text().splitlines()
    assert {"Type=notify", "Restart=always", "StartLimitIntervalSec=0", "StateDirectory=aldaba"} <= set(lines)
    assert any(line.startswith("WatchdogSec=") for line in lines)


LAID_DOWN = {
    "aldaba-edge.service": ("installer/install.sh", "HOME_OF_ALDABA=/opt/aldaba\nPROGRAM=$HOME_OF_ALDABA/current/bin/"),
    "aldaba-edge-guard.service": ("installer/install.sh", "HOME_OF_ALDABA=/opt/aldaba\n"),
    "aldaba-cloud.service": ("docs/how-to/install-the-cloud.md", "/opt/aldaba-cloud/bin/aldaba-cloud init"),
}


@pytest.mark.parametrize("name", LAID_DOWN)
def test_a_unit_starts_what_installing_lays_down(name: str) -> None:
    started = re.search(r"^ExecStart=(\S+)", (UNITS / name).read_text(), re.MULTILINE)
    assert started
    where, said = LAID_DOWN[name]
    assert said in (UNITS.parent / where).read_text()
    folder = {
        "aldaba-edge.service": "/opt/aldaba/current",
        "aldaba-edge-guard.service": "/opt/aldaba/good",
        "aldaba-cloud.service": "/opt/aldaba-cloud",
    }[name]
    assert started[1].startswith(f"{folder}/bin/aldaba-")
