"""Who writes takes turns in SQLite, and nobody waits for ever."""

from pathlib import Path

import pytest

from aldaba_cloud import db as db_module
from aldaba_cloud.db import Busy, Database


def test_a_change_within_a_change_is_refused_and_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db_module, "TURN_SECONDS", 0.01)
    database = Database(f"sqlite:///{tmp_path / 'turns.db'}")
    with database.write(), pytest.raises(Busy, match="Try again"), database.write():
        pass
    with database.write() as db:
        assert db.in_transaction()
    database.close()
