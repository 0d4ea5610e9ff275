"""The page of the reference about the devices we have profiles of, and how far each was tried."""

from collections.abc import Mapping

from aldaba_profiles.catalog import Maturity, Profile, load_catalog
from tools.markdown import page, table
from tools.notes import notes


def _section(kind: str, profiles: Mapping[str, Profile]) -> str:
    rows = (
        [f"`{name}`", profile.title, str(profile.tested), " ".join(profile.notes.split()), "; ".join(profile.sources)]
        for name, profile in sorted(profiles.items())
    )
    return f"## {kind.capitalize()}\n\n{table(['profile', 'device', 'tried', 'mind', 'facts from'], rows)}"


def profiles() -> str:
    """Every profile by kind."""
    said = dict(notes(Maturity))
    return page(
        "Devices",
        "A profile holds the facts of one make; a controller's configuration names it. How far each was tried:\n",
        table(["tried", "meaning"], ([f"`{one}`", said.get(one.name, "")] for one in Maturity)),
        *(_section(kind, found) for kind, found in load_catalog().profiles.items()),
    )
