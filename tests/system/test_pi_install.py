"""A Pi gets the wheels of shared, profiles and edge with the locked requirements, and nothing else.

What is installed here is what the installer's page says: our wheels without an
index, since our names are not registered anywhere, and everything else with the
hashes of the lock.
"""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MEMBERS = ("aldaba-shared", "aldaba-profiles", "aldaba-edge")
TEST_TOOLS = ("pytest", "hypothesis", "pytest-randomly", "pytest-socket")
ABSENT = ("aldaba_cloud", "aldaba_sim", "fastapi", "sqlalchemy", "pydantic", "amqtt")

pytestmark = pytest.mark.system


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a program away from this environment; its output is in the failure."""
    kept = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    done = subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment filled as a Pi's is; the path of its Python."""
    folder = tmp_path_factory.mktemp("pi")
    for member in MEMBERS:
        run("uv", "build", "--quiet", "--wheel", "--package", member, "--out-dir", folder / "wheels")
    lock = folder / "edge.lock"
    run(
        "uv", "export", "--quiet", "--package", "aldaba-edge", "--no-dev", "--no-emit-workspace", "--frozen", "-o", lock
    )
    run("uv", "venv", "--quiet", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    install = ("uv", "pip", "install", "--quiet", "--python", python)
    run(*install, "--require-hashes", "-r", lock)
    run(*install, "--no-deps", "--no-index", *(folder / "wheels").glob("*.whl"))
    return python


def test_the_edge_starts_and_the_cloud_is_not_there(pi: Path) -> None:
    assert "Usage" in run(pi.parent / "aldaba-edge", "--help", cwd=pi.parent).stdout
    for name in ABSENT:
        code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is not None)"
        run(pi, "-c", code, cwd=pi.parent)


def test_the_profiles_arrive_inside_the_wheel(pi: Path) -> None:
    code = "from importlib.resources import files; print(*[p.name for p in files('aldaba_profiles').iterdir()])"
    assert {"readers", "locks"} <= set(run(pi, "-c", code, cwd=pi.parent).stdout.split())


def test_the_tests_of_the_edge_pass_on_what_a_pi_has(pi: Path, tmp_path: Path) -> None:
    run("uv", "pip", "install", "--quiet", "--python", pi, *(f"{name}=={version(name)}" for name in TEST_TOOLS))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    (tmp_path / "tests").mkdir()
    for path in (ROOT / "tests").iterdir():
        if path.name in {"edge", "shared", "golden"}:
            shutil.copytree(path, tmp_path / "tests" / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.suffix == ".py":
            shutil.copy(path, tmp_path / "tests")
    done = run(pi, "-m", "pytest", "-q", "-m", "not system", "tests/edge", "tests/shared", cwd=tmp_path)
    assert " passed" in done.stdout
