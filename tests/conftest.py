"""Where tests go when two processes share them (`--dist loadgroup`)."""

import pytest

TOGETHER = ("tests/system/", "tests/pages/")
"""Files here start services for a whole module; who starts one keeps the tests of that file."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file with its services in one process; a file may name a group of several files instead."""
    for item in items:
        path = item.path.relative_to(item.config.rootpath).as_posix()
        if path.startswith(TOGETHER) and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(path))
