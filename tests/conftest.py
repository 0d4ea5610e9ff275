"""What holds for every test: where it goes when two processes share them (`--dist loadgroup`), and no deadline."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

TOGETHER = ("tests/system/", "tests/pages/")
"""Files here start services for a whole module; who starts one keeps the tests of that file."""
LONGEST = (
    "tests/pages/test_every_page.py",
    "tests/pages/test_in_chromium.py",
    "tests/system/test_whole_path.py",
    "tests/system/test_cloud_on_postgres.py",
    "tests/system/test_api_schema.py",
    "tests/system/test_controller_process.py",
    "tests/system/test_install_sh.py",
    "tests/system/test_replicas.py",
    "tests/sim/test_every_denial_explained.py",
    "tests/sim/test_failed_seeds.py",
    "tests/sim/test_world.py",
    "tests/pages/test_simulator.py",
    "tests/system/test_saturday_night.py",
    "tests/system/test_update.py",
    "tests/system/test_swap.py",
    "tests/system/test_site_island.py",
)
"""Begun first, since what is begun last is waited for by everybody else; the order among the others stays random."""


def pytest_configure() -> None:
    """Let no example fail because the machine was busy: nothing here measures time by Hypothesis."""
    settings.register_profile("any machine", deadline=None)
    settings.load_profile("any machine")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Keep a file with its services in one process, unless it names a group; then put the longest files first."""
    for item in items:
        path = _path(item)
        if path.startswith(TOGETHER) and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(path))
    yield
    items.sort(key=lambda item: LONGEST.index(_path(item)) if _path(item) in LONGEST else len(LONGEST))


def _path(item: pytest.Item) -> str:
    return item.path.relative_to(item.config.rootpath).as_posix()
