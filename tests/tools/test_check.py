"""The gate of `make test` shuts: on a failure, on an empty tier, and on a test that was skipped."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import check, no_skips
from tools.check import Outcome, Step

PLUGIN = Path(no_skips.__file__).parent.parent


def pytest_says(folder: Path, source: str) -> tuple[int, str]:
    """What pytest with our plugin makes of one test module, as `make test` starts it."""
    (folder / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tools.no_skips", "-p", "no:cacheprovider", "--rootdir=."]
    done = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(PLUGIN)}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


@pytest.mark.system
@pytest.mark.parametrize(
    ("source", "code"),
    [
        pytest.param("def test_it(): pass\n", 0, id="a test that passes"),
        pytest.param("import pytest\n@pytest.mark.skip\ndef test_it(): pass\n", 1, id="a test that is skipped"),
        pytest.param("import pytest\ndef test_it(): pytest.skip('no broker')\n", 1, id="a test that skips itself"),
        pytest.param("import pytest\npytest.importorskip('no_such_thing')\n", 1, id="a module that skips itself"),
        pytest.param("import pytest\n@pytest.mark.xfail\ndef test_it(): assert 0\n", 0, id="an expected failure"),
        pytest.param("", 5, id="no test at all"),
    ],
)
def test_only_tests_that_ran_and_passed_count(source: str, code: int, tmp_path: Path) -> None:
    found, said = pytest_says(tmp_path, source)
    assert (found == 0) is (code == 0)
    assert ("`make test` skips nothing" in said) is ("skip" in source)


@pytest.mark.parametrize(("code", "result"), [(0, 0), (1, 1), (5, 1)])
def test_one_step_that_fails_fails_all_and_the_others_still_run(
    code: int, result: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    steps = [
        Step("first", "lint", (sys.executable, "-c", f"raise SystemExit({code})")),
        Step("beside", "lint", ("echo", "its own words"), beside=True),
        Step("last", "lint", ("true",)),
    ]
    monkeypatch.setattr(check, "STEPS", tuple(steps))
    assert check.main([]) == result
    said = capfd.readouterr().out
    assert "--- last: ok" in said
    assert "--- beside\nits own words\n--- beside: ok" in said, "in one piece, after the others"
    assert ("failed: first" in said) is bool(result)


def test_a_step_that_fails_beside_the_others_fails_all(monkeypatch: pytest.MonkeyPatch) -> None:
    beside = Step("beside", "lint", (sys.executable, "-c", "raise SystemExit(1)"), beside=True)
    monkeypatch.setattr(check, "STEPS", (beside, Step("last", "lint", ("true",))))
    assert check.main([]) == 1


def test_a_tier_nobody_has_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(["lnit"]) == 1
    assert "nothing was run" in capsys.readouterr().out


def test_every_step_is_timed_and_the_whole_by_the_clock() -> None:
    beside = Step("types", "lint", ("true",), beside=True)
    outcomes = [Outcome(check.STEPS[0], 0, 1.26), Outcome(check.STEPS[1], 5, 2.0), Outcome(beside, 0, 3.0)]
    assert check.table(outcomes, 3.5).splitlines() == [
        "    1.3 s  ok      ruff check",
        "    2.0 s  FAILED  ruff format",
        "    3.0 s  ok      types (beside the others)",
        "    3.5 s  in all",
    ]
