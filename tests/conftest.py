"""What holds for every test: where it goes when two processes share them (`--dist loadgroup`), and no deadline."""

import pytest
from hypothesis import settings

TOGETHER = ("tests/system/", "tests/pages/")
"""Files here start services for a whole module; who starts one keeps the tests of that file."""


def pytest_configure() -> None:
    """Let no example fail because the machine was busy: nothing here measures time by Hypothesis."""
    settings.register_profile("any machine", deadline=None)
    settings.load_profile("any machine")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file with its services in one process; a file may name a group of several files instead."""
    for item in items:
        path = item.path.relative_to(item.config.rootpath).as_posix()
        if path.startswith(TOGETHER) and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(path))
