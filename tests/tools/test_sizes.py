"""The size check is a gate, so it is shown to shut."""

from pathlib import Path

import pytest

from tools import sizes

LONG_FUNCTION = "def f() -> None:\n" + "    x = 1\n" * 61


def hard(name: str, source: str) -> list[str]:
    return [found.what for found in sizes.inspect(name, source) if found.hard]


@pytest.mark.parametrize(
    ("lines", "findings", "fails"),
    [
        pytest.param(300, 0, False, id="300 lines are what we want"),
        pytest.param(301, 1, False, id="301 lines are a note"),
        pytest.param(500, 1, False, id="500 lines are still a note"),
        pytest.param(501, 1, True, id="501 lines fail"),
    ],
)
def test_a_module_has_a_wanted_and_a_hard_length(lines: int, findings: int, fails: bool) -> None:
    found = list(sizes.inspect("edge/long.py", "x = 1\n" * lines))
    assert len(found) == findings
    assert any(one.hard for one in found) is fails


@pytest.mark.parametrize(("body", "notes", "failures"), [(39, 0, 0), (40, 1, 0), (59, 1, 0), (60, 0, 1)])
def test_a_function_has_a_wanted_and_a_hard_length(body: int, notes: int, failures: int) -> None:
    source = "class C:\n    async def f(self) -> None:\n" + "        x = 1\n" * body
    found = list(sizes.inspect("edge/one.py", source))
    assert [one.hard for one in found] == [False] * notes + [True] * failures


def test_the_sixth_positional_parameter_fails_and_self_is_not_one() -> None:
    assert hard("a.py", "def f(a, b, c, d, e, f): ...\n") == ["6 positional parameters, 5 are the limit"]
    assert hard("a.py", "def f(a, b, c, d, e, *, f, g): ...\n") == []
    assert hard("a.py", "class C:\n    def f(self, a, b, c, d, e): ...\n") == []
    assert hard("a.py", "class C:\n    @staticmethod\n    def f(a, b, c, d, e, g): ...\n") != []


def test_a_function_inside_a_function_is_seen() -> None:
    assert hard("a.py", "def outer():\n    def inner(a, b, c, d, e, f): ...\n") != []


@pytest.mark.parametrize("name", sorted(sizes.BANNED_NAMES))
def test_a_name_that_says_nothing_fails(name: str) -> None:
    assert hard(f"cloud/aldaba_cloud/{name}.py", "") == ["a name that says nothing; name what is inside"]


def test_the_check_fails_on_a_tree_with_one_fault_and_on_an_empty_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sizes.main(tmp_path) == 1
    (tmp_path / "edge").mkdir()
    (tmp_path / "edge" / "fine.py").write_text("x = 1\n")
    assert sizes.main(tmp_path) == 0
    (tmp_path / "edge" / "bad.py").write_text(LONG_FUNCTION)
    assert sizes.main(tmp_path) == 1
    assert "FAILED: edge/bad.py:1 f: 62 lines, 60 are the limit" in capsys.readouterr().out
