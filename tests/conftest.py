"""What holds for every test: where it goes when processes share them, a log of its own, no deadline.

How processes share the tests stands in `tests.sharing`.
"""

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import settings

if TYPE_CHECKING:
    from tests.sharing import WholeFiles

LONGEST = (
    "tests/pages/test_every_page.py",
    "tests/pages/test_in_chromium.py",
    "tests/system/test_whole_path.py",
    "tests/system/test_cloud_on_postgres.py",
    "tests/system/test_booking_hammer.py",
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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> "WholeFiles":
    """Share the tests out by files, whatever `--dist` says."""
    from tests.sharing import WholeFiles  # noqa: PLC0415 - a controller's own packages have no xdist

    return WholeFiles(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Put the longest files first."""
    yield
    items.sort(key=lambda item: LONGEST.index(_path(item)) if _path(item) in LONGEST else len(LONGEST))


def pytest_collection_finish() -> None:
    """Take what was imported out of the garbage collector's rounds: it stays until the end."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Whatever a test makes of the log, the next finds it as it was: a world, for one, silences it."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def _path(item: pytest.Item) -> str:
    return item.path.relative_to(item.config.rootpath).as_posix()
