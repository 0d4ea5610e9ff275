import json
import tomllib
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from aldaba_profiles.catalog import KINDS, folder_of
from tools.docs import FOLDER

PUBLISHED = json.loads((FOLDER / "profiles.schema.json").read_text("utf-8"))
PROFILES = [
    pytest.param(kind, Path(str(entry)), id=f"{kind} {entry.name}")
    for kind in KINDS
    for entry in (files("aldaba_profiles") / folder_of(kind)).iterdir()
]


def judge(kind: str, profile: dict[str, object]) -> list[str]:
    schema = {**PUBLISHED, "$ref": f"#/$defs/{KINDS[kind].__name__}"}
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(profile)]


@pytest.mark.parametrize(("kind", "path"), PROFILES)
def test_every_profile_fits_the_published_schema(kind: str, path: Path) -> None:
    assert judge(kind, tomllib.loads(path.read_text("utf-8"))) == []


def test_the_published_schema_refuses_what_the_program_refuses() -> None:
    strike = tomllib.loads((files("aldaba_profiles") / "locks" / "strike-fail-secure.toml").read_text("utf-8"))
    assert judge("lock", {**strike, "energise": "sometimes"})
    assert judge("lock", {**strike, "fail_safe": True}), "what only the installer knows is no key of a profile"
    assert judge("lock", {key: value for key, value in strike.items() if key != "suppression"})
