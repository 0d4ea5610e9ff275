"""What holds for every test: where it goes when processes share them, a log of its own, no deadline.

pytest-xdist has groups of its own (`--dist loadgroup`), which it carries in the
names of the tests; pytest from 9.2 on ignores that (pytest-xdist issue 1386), and
services that a file starts once were started in each process. So the sharing is
told here, by the hook that is there for it.
"""

import gc
from collections.abc import Iterator
from typing import Final

import pytest
import structlog
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

SPREAD: Final = ("tests/sim/test_world.py", "tests/sim/test_failed_seeds.py", "tests/sim/test_restore.py")
"""Worlds share nothing and are long: each of these tests goes where there is room."""
PCSCD: Final = (
    "tests/system/test_whole_path.py",
    "tests/system/test_pcsc.py",
    "tests/system/test_pcsc_restart.py",
    "tests/system/test_proving_cards.py",
)
"""They wait for one another, since a machine has one pcscd: in one process nobody waits."""
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


class WholeFiles(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """A file stays in one process, which makes once what its tests share: a service, a space, a parsed tree."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path in PCSCD:
            return "pcscd"
        return nodeid if path in SPREAD else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> WholeFiles:
    """Share the tests out by files, whatever `--dist` says."""
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
