"""Sixteen writers on four rooms: whatever they try at once, nobody's hour is sold twice."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aldaba_cloud.db import Database
from tests.system.hammer import build, hammer, overlaps, unheld
from tests.system.postgres import postgres

pytestmark = pytest.mark.system
# A minute in every run; `make soak` takes ten.
SECONDS = float(os.environ.get("ALDABA_HAMMER_SECONDS", "60"))


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[dict[str, Database]]:
    with postgres() as url:
        built = {"sqlite": build(f"sqlite:///{tmp_path / 'hammered.db'}"), "postgresql": build(url)}
        yield built
        for database in built.values():
            database.close()


@pytest.mark.feature(8)
@pytest.mark.feature(125)
def test_hammering_by_sixteen_writers_sells_no_hour_twice(engines: dict[str, Database]) -> None:
    with ThreadPoolExecutor(len(engines)) as pool:
        outcomes = dict(zip(engines, pool.map(lambda one: hammer(one, SECONDS), engines.values()), strict=True))
    for engine, database in engines.items():
        counts = outcomes[engine].counts
        assert overlaps(database) == []
        assert unheld(database) == []
        assert all(counts[kind] > 0 for kind in ("booked", "taken", "cancelled", "moved")), (engine, counts)
