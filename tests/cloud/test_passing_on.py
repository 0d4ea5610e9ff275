"""News leaves the outbox once it was passed on, and not before."""

from pathlib import Path

import pytest
from sqlalchemy import select, update

from aldaba_cloud import outbox
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fanout import Hub
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.fleet.pairing import PAIRED
from aldaba_cloud.fleet.store import controllers
from aldaba_cloud.keyring import KeyMissing, Keyring
from aldaba_cloud.link.end import CloudEnd
from aldaba_cloud.live import Live
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK, HandClock
from tests.cloud.small_space import SmallSpace


def test_news_that_could_not_be_passed_on_stays_and_goes_out_later(
    config: Config, database: Database, clock: HandClock, tmp_path: Path
) -> None:
    space, sent = SmallSpace(BARCELONA, Keyring(config.key_dir)), []
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        space.build(work)
        outbox.tell(work, BARCELONA, PAIRED, space.controller("street"))
    keys = make_keys(space.keyring, tmp_path / "root.key", MONDAY_NOON)

    def send(to: str, payload: bytes, *, retain: bool) -> None:
        sent.append((to, payload, retain))

    end = CloudEnd(database, space.keyring, keys, clock=clock, hub=Hub(), live=Live(), send=send)
    good = seal_the_street(database, space, b"damaged")
    with pytest.raises(KeyMissing):
        end.tick()
    assert sent == []
    assert waiting(database) == 1
    seal_the_street(database, space, good)
    end.tick()
    end.tick()
    assert waiting(database) == 0
    assert space.controller("street") in {to.split("/")[3] for to, _, _ in sent}


def seal_the_street(database: Database, space: SmallSpace, sealed: bytes) -> bytes:
    """Write the street controller's sealed key; returns what it was."""
    mine = controllers.c.id == space.controller("street")
    with database.write() as db:
        before: bytes = db.execute(select(controllers.c.sealed_controller_key).where(mine)).scalar_one()
        db.execute(update(controllers).where(mine).values(sealed_controller_key=sealed))
    return before


def waiting(database: Database) -> int:
    with database.read() as db:
        return len(outbox.waiting(db, [PAIRED, "rules.published"]))
