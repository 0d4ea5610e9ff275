"""The page of the reference about the devices we have profiles of, and the schema that a profile must fit."""

import json
from collections.abc import Mapping

import msgspec

from aldaba_edge.wiring import power_of
from aldaba_profiles.catalog import KINDS, Maturity, Profile, load_catalog
from tools.markdown import page, table
from tools.notes import notes

HEADS = ["profile", "device", "tried", "power", "cable", "mind", "facts from"]


def schema() -> str:
    """The JSON schema of every kind of profile, for editors and for whoever writes one; one definition a kind."""
    (_, components) = msgspec.json.schema_components(KINDS.values(), ref_template="#/$defs/{name}")
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Aldaba profiles",
        "description": "Validate a profile against the definition of its kind, such as #/$defs/LockProfile.",
        "$defs": components,
    }
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _section(kind: str, profiles: Mapping[str, Profile]) -> str:
    rows = (
        [
            f"`{name}`",
            profile.title,
            str(profile.tested),
            power_of(profile.power),
            f"{profile.cable.metres} m, {profile.cable.kind}" if profile.cable else "",
            " ".join(profile.notes.split()),
            "; ".join(profile.sources),
        ]
        for name, profile in sorted(profiles.items())
    )
    return f"## {kind.capitalize()}\n\n{table(HEADS, rows)}"


def profiles() -> str:
    """Every profile by kind."""
    said = dict(notes(Maturity))
    return page(
        "Devices",
        "A profile holds the facts of one make; a controller's configuration names it. How far each was tried:\n",
        table(["tried", "meaning"], ([f"`{one}`", said.get(one.name, "")] for one in Maturity)),
        *(_section(kind, found) for kind, found in load_catalog().profiles.items()),
    )
