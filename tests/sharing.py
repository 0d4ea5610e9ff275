"""Which tests stay in one process when several share them.

pytest-xdist has groups of its own (`--dist loadgroup`), which it carries in the
names of the tests; pytest from 9.2 on ignores that (pytest-xdist issue 1386), and
services that a file starts once were started in each process. So the sharing is
told here, by the hook that is there for it.
"""

from typing import Final

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


class WholeFiles(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """A file stays in one process, which makes once what its tests share: a service, a space, a parsed tree."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path in PCSCD:
            return "pcscd"
        return nodeid if path in SPREAD else path
