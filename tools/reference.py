"""The pages of docs/reference/, each written from the code it describes."""

from collections.abc import Callable, Mapping
from functools import partial

import click

from aldaba_cloud.cli import main as aldaba_cloud
from aldaba_edge.cli import main as aldaba_edge
from aldaba_shared.reasons import SENTENCES, Reason
from aldaba_sim.cli import main as aldaba_sim
from tools.markdown import page, table
from tools.reference_cli import program
from tools.reference_cloud import cloud_settings
from tools.reference_doors import doors
from tools.reference_edge import edge_settings
from tools.reference_problems import problems
from tools.reference_profiles import profiles, schema


def reasons() -> str:
    """What a door may answer, in the order in which it asks."""
    rows = [[f"`{reason}`", *(SENTENCES[reason][language] for language in ("es", "ca", "en"))] for reason in Reason]
    return page(
        "What a door may answer",
        "One reason an answer, the first check that failed. The way out asks none of this: it opens first.\n",
        table(["reason", "español", "català", "English"], rows),
    )


PROGRAMS: Mapping[str, tuple[str, click.Command]] = {
    "aldaba-edge": ("Every command of the controller's program", aldaba_edge),
    "aldaba-cloud": ("Every command of the cloud's program", aldaba_cloud),
    "aldaba-sim": ("Every command of the simulated world and the demo", aldaba_sim),
}


PAGES: Mapping[str, tuple[str, Callable[[], str]]] = {
    "reasons.md": ("Every reason a door may give, in three languages", reasons),
    "doors.md": ("The states of doors and turnstiles, drawn from the tables that run them", doors),
    **{f"{name}.md": (what, partial(program, name, command)) for name, (what, command) in PROGRAMS.items()},
    "edge-settings.md": ("Every setting of a controller, and what has no default on purpose", edge_settings),
    "devices.md": ("Every device we have a profile of, and how far it was tried", profiles),
    "profiles.schema.json": ("The JSON schema that every profile fits", schema),
    "problems.md": ("Every error of the API, with its status", problems),
    "cloud-settings.md": ("Every setting of the cloud, with its default", cloud_settings),
}


def index() -> str:
    """The list of the reference's pages."""
    return page(
        "Reference", table(["page", "what it holds"], [[f"[{n}]({n})", what] for n, (what, _) in PAGES.items()])
    )


def all_pages() -> dict[str, str]:
    """Every page by its file name."""
    return {"README.md": index(), **{name: write() for name, (_, write) in PAGES.items()}}
