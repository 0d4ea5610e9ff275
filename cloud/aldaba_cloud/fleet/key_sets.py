"""The SQL of card key sets and of digest keys that are being changed."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    delete,
    func,
    select,
    update,
)

from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_shared.ids import ControllerId, SiteId

key_sets = scoped_table(
    "card_key_sets",
    Column("version", Integer, nullable=False),
    Column("sealed_root", LargeBinary, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("dropped_at", UtcDateTime, nullable=True),
    PrimaryKeyConstraint("network_id", "version"),
)
"""A site's card keys, or the whole network's; a version names one set of the network, whichever site it is of."""

digest_keys = scoped_table(
    "digest_keys",
    Column("controller_id", String(40), primary_key=True),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("sealed_before", LargeBinary, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
)
"""The key a controller digests with since this version of its rules, where that is not the one it was paired with."""


@dataclass(frozen=True, slots=True)
class KeptSet:
    """A key set as it is kept."""

    version: int
    site: SiteId
    made_at: datetime
    dropped_at: datetime | None
    sealed_root: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeptDigest:
    """A controller's changed digest key, the one before it, and the version of its rules that first carried it."""

    sealed_key: bytes = field(repr=False)
    sealed_before: bytes = field(repr=False)
    generation: tuple[int, int]


def every_set(work: Work) -> list[KeptSet]:
    """The key sets of the network that the caller may see, oldest first."""
    rows = work.db.execute(select(key_sets).where(work.visible(key_sets)).order_by(key_sets.c.version))
    return [KeptSet(row.version, SiteId(row.site_id), row.made_at, row.dropped_at, row.sealed_root) for row in rows]


def last_version(work: Work) -> int:
    """The greatest version of the network ever given; 0 when there was none."""
    newest = select(func.max(key_sets.c.version)).where(key_sets.c.network_id == work.scope.network)
    return int(work.db.execute(newest).scalar_one() or 0)


def add_set(work: Work, site: SiteId, version: int, sealed_root: bytes) -> None:
    """Keep a new key set."""
    values = {"version": version, "sealed_root": sealed_root, "made_at": work.now, "dropped_at": None}
    work.db.execute(key_sets.insert().values(network_id=work.scope.network, site_id=site, **values))


def drop_set(work: Work, version: int) -> bool:
    """Accept a set no longer; False when there is none in use."""
    mine = (key_sets.c.version == version) & key_sets.c.dropped_at.is_(None) & work.writable(key_sets)
    return work.db.execute(update(key_sets).where(mine).values(dropped_at=work.now)).rowcount > 0


def digests(work: Work) -> dict[ControllerId, KeptDigest]:
    """The controllers whose digest key was changed."""
    rows = work.db.execute(select(digest_keys).where(work.visible(digest_keys)))
    return {
        ControllerId(row.controller_id): KeptDigest(row.sealed_key, row.sealed_before, (row.epoch, row.version))
        for row in rows
    }


def keep_digest(work: Work, site: SiteId, controller: ControllerId, kept: KeptDigest) -> None:
    """Keep a changed digest key in place of the one before."""
    work.db.execute(delete(digest_keys).where(digest_keys.c.controller_id == controller, work.writable(digest_keys)))
    epoch, version = kept.generation
    values = {"sealed_key": kept.sealed_key, "sealed_before": kept.sealed_before, "epoch": epoch, "version": version}
    work.db.execute(
        digest_keys.insert().values(network_id=work.scope.network, site_id=site, controller_id=controller, **values)
    )
