"""A space that invoices, for every table."""

from collections.abc import Iterator

import pytest

from aldaba_cloud.db import Database, Scope, Work
from tests.cloud.billed_space import BilledSpace
from tests.cloud.conftest import MONDAY_NOON, NETWORK


@pytest.fixture
def space(database: Database) -> Iterator[BilledSpace]:
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        space.build()
        yield space
