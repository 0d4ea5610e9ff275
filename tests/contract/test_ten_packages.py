"""The ten libraries the founder asked for are declared, and used where they are declared."""

import ast
import functools
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MEMBERS = ("shared", "firmware_profiles", "edge", "cloud", "hardware_sim")
IMPORTED_AS = {
    "paho-mqtt": "paho",
    "pyserial": "serial",
    "pyscard": "smartcard",
    "gpiozero": "gpiozero",
    "sqlite-utils": "sqlite_utils",
    "fastapi": "fastapi",
    "cryptography": "cryptography",
    "apscheduler": "apscheduler",
    "qrcode": "qrcode",
    "structlog": "structlog",
}


def declared(member: str) -> set[str]:
    project = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    wanted = [*project["dependencies"], *(one for extra in extras for one in extra)]
    return {re.split(r"[<>=!~\[; ]", one, maxsplit=1)[0].lower() for one in wanted}


@functools.cache
def imported(member: str) -> frozenset[str]:
    names: set[str] = set()
    for path in (ROOT / member).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return frozenset(names)


@pytest.mark.parametrize("package", sorted(IMPORTED_AS))
def test_each_package_is_declared_and_used_by_the_members_that_declare_it(package: str) -> None:
    members = [member for member in MEMBERS if package in declared(member)]
    assert members, f"no member declares {package}"
    assert [member for member in members if IMPORTED_AS[package] not in imported(member)] == []
