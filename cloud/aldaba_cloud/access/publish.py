"""Publishing: a new version of each controller's rules, with the change it came from, in one transaction.

Nothing is sent from here. The rows, the version and the news of it are kept
together; the broker tells the doors after the commit.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from aldaba_cloud import outbox
from aldaba_cloud.access import store
from aldaba_cloud.access.compile import Card, ControllerRules, People, SiteRules, people_rows, site_rows
from aldaba_cloud.access.models import Generation
from aldaba_cloud.bookings.reading import rights_ahead
from aldaba_cloud.bookings.service import RIGHTS_CHANGED
from aldaba_cloud.db import Scope, Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import service as fleet
from aldaba_cloud.fleet import store as fleet_store
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.fleet.models import ControllerKeys
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import Contract
from aldaba_cloud.members.terms_store import levels_by_contract
from aldaba_cloud.places import store as places
from aldaba_shared.ids import ControllerId, HolderId, NetworkId, SiteId
from aldaba_shared.messages import Delta, Head
from aldaba_shared.snapshot import (
    COLUMNS,
    EMPTY_SET,
    FORMAT,
    MODULUS,
    SCHEMA,
    Change,
    Row,
    body_hash,
    changes_between,
)

PUBLISHED: Final = "rules.published"
NOBODYS: Final = ""
LARGEST_DELTA: Final = 2_000
"""More changed rows than this are fetched as a whole set; a body on the wire is bounded."""

Keys = Mapping[ControllerId, ControllerKeys]
"""What is secret of each controller in use."""


@dataclass(frozen=True, slots=True)
class Published:
    """A version that was made, and how many rows it changed."""

    generation: Generation
    changed: int


def site_rules(work: Work, site_id: SiteId) -> SiteRules:
    """Load a site's places and levels and work them out."""
    site = places.find_site(work, site_id)
    if site is None:
        raise Missing("site", site_id)
    today = work.now.astimezone(ZoneInfo(site.time_zone)).date()
    levels = replace(store.load_levels(work, site_id), by_contract=levels_by_contract(work, today))
    return SiteRules(places.load_place(work, site), levels, today)


def people_of(work: Work, keyring: Keyring, whom: Iterable[HolderId] | None = None) -> People:
    """Load holders with contracts, cards and what they booked: these, or everybody."""
    named = None if whom is None else sorted(set(whom))
    return People(
        holders=members.holders_by_id(work, named),
        contracts=_only(members.contracts_of(work, named), named),
        cards=tuple(Card(one, keyring.unseal(sealed)) for one, sealed in members.credentials_of(work, named)),
        booked=tuple(rights_ahead(work, named)),
    )


def controllers_of(rules: SiteRules, keys: Keys) -> list[ControllerRules]:
    """The site's controllers that were paired, with their doors."""
    doors = rules.place.doors.values()
    named = sorted({door.controller for door in doors if door.controller in keys} - {None}, key=str)
    return [
        ControllerRules(one, keys[one], frozenset(door.id for door in doors if door.controller == one))
        for one in named
        if one is not None
    ]


def publish(
    work: Work, site_id: SiteId, keyring: Keyring, keys: Keys, *, whom: Iterable[HolderId] | None = None
) -> list[Published]:
    """Bring every controller of a site up to date, after a change to these holders or to anything.

    The few rows that are nobody's (schedules, zones, the site's clock) are
    always compared, so a changed schedule needs no holder at all. A controller
    that has no version yet gets everything, whoever changed. Of two who publish
    at once the second waits here, and then sees the first one's version. Doors
    that are held after a restore (`access.restored`) get nothing.
    """
    places.lock_publishing(work)
    rules = site_rules(work, site_id)
    held = fleet_store.held_since(work)
    controllers = [one for one in controllers_of(rules, keys) if one.id not in held]
    newest = {one.id: store.newest_generation(work, one.id) for one in controllers}
    named = None if whom is None or any(known is None for known in newest.values()) else sorted(set(whom))
    rows = people_rows(rules, people_of(work, keyring, named), controllers)
    peers = fleet.presence_keys(work, site_id)
    made = []
    for controller in controllers:
        wanted = [*site_rows(rules, controller, peers), *rows[controller.id]]
        known = newest[controller.id]
        before = store.published(work, controller.id, None if named is None else [NOBODYS, *named]) if known else []
        made += _publish_one(work, site_id, (controller.id, known), Difference(before, map(store.encoded, wanted)))
    return made


def publish_changed(db: Connection, keyring: Keyring, now: datetime) -> None:
    """Make new rules for those whose rights are others now, as bookings and others left word of in the outbox."""
    told = outbox.waiting(db, (RIGHTS_CHANGED,))
    changed: dict[tuple[NetworkId, SiteId], set[HolderId]] = defaultdict(set)
    for one in told:
        changed[one.network, one.site].add(HolderId(one.subject))
    for (network, site), whom in sorted(changed.items()):
        work = Work(db, Scope(network, frozenset({site})), now)
        publish(work, site, keyring, controller_keys(work, keyring), whom=whom)
    outbox.mark_told(db, [one.id for one in told], now)


class Difference:
    """What has to be dropped and put to make one set of encoded rows into another.

    Rows are compared as the bytes that are hashed and stored, so that the many
    that did not change are never decoded.
    """

    def __init__(self, before: Iterable[store.EncodedRow], after: Iterable[store.EncodedRow]) -> None:
        old = {row.place: row for row in before}
        new = {row.place: row for row in after}
        self.gone = [row for place, row in old.items() if place not in new or new[place].body != row.body]
        self.put = [row for place, row in new.items() if place not in old or old[place].body != row.body]

    def __len__(self) -> int:
        return len({row.place for row in (*self.gone, *self.put)})

    def hash_after(self, known: bytes) -> bytes:
        """The hash of the set, from its hash before (`aldaba_shared.snapshot`)."""
        total = int.from_bytes(known, "big")
        total += sum(body_hash(row.body) for row in self.put) - sum(body_hash(row.body) for row in self.gone)
        return (total % MODULUS).to_bytes(32, "big")

    def changes(self) -> tuple[Change, ...]:
        """The same as the wire has it."""
        return changes_between((row.decoded() for row in self.gone), (row.decoded() for row in self.put))


def _publish_one(
    work: Work, site: SiteId, what: tuple[ControllerId, Generation | None], difference: Difference
) -> list[Published]:
    """One controller's next version, unless nothing changed for it."""
    controller, known = what
    epoch = places.rules_epoch(work)
    if not len(difference) and known and known.epoch == epoch:
        return []
    digest = difference.hash_after(known.set_hash if known else EMPTY_SET)
    generation = Generation(controller, epoch, known.version + 1 if known else 1, digest)
    small = known is not None and known.epoch == epoch and len(difference) <= LARGEST_DELTA
    store.add_generation(work, site, generation, difference.changes() if small else ())
    store.replace_rows(work, site, controller, (difference.gone, difference.put))
    outbox.tell(work, site, PUBLISHED, controller, {"epoch": generation.epoch, "version": generation.version})
    return [Published(generation, len(difference))]


def head_now(work: Work, controller: ControllerId) -> Head | None:
    """The head to sign now: the newest version, issued at this moment; None before the first version.

    A door that is held after a restore hears again what it follows already, so
    that its rules stay young; nothing before it has said what that is.
    """
    if controller in fleet_store.held_since(work):
        kept = fleet_store.find_controller(work, controller)
        return Head(controller, *kept.confirmed, kept.set_hash, work.now) if kept and kept.set_hash else None
    known = store.newest_generation(work, controller)
    return Head(controller, known.epoch, known.version, known.set_hash, work.now) if known else None


def newest_delta(work: Work, controller: ControllerId) -> Delta | None:
    """The step to the newest version; None when the whole set has to be fetched instead, or when none may be sent."""
    if controller in fleet_store.held_since(work):
        return None
    known = store.newest_generation(work, controller)
    changes = store.changes_to(work, known) if known else ()
    if known is None or not changes:
        return None
    head = Head(controller, known.epoch, known.version, known.set_hash, work.now)
    return Delta(head, known.version - 1, changes)


def write_snapshot(path: Path, rows: Iterable[Row], head_envelope: bytes, set_hash: bytes) -> None:
    """Write a rule set as the SQLite file that a controller opens; `path` must not exist."""
    by_table: dict[str, list[tuple[object, ...]]] = {table: [] for table in COLUMNS}
    for row in rows:
        by_table[row.table].append(row.values)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA user_version={FORMAT}; {SCHEMA}")
        file.execute("BEGIN")
        for table, values in by_table.items():
            marks = ", ".join("?" * len(COLUMNS[table]))
            file.executemany(f"INSERT INTO {table} VALUES ({marks})", sorted(values))  # noqa: S608 -- our own table names
        file.execute("INSERT INTO head_ VALUES (1, ?, ?)", (head_envelope, set_hash))
        file.execute("COMMIT")


def snapshot_rows(work: Work, controller: ControllerId) -> list[Row]:
    """Every row of a controller's newest version."""
    return [row.decoded() for row in store.published(work, controller)]


def _only(contracts: Iterable[Contract], named: list[HolderId] | None) -> tuple[Contract, ...]:
    """Contracts narrowed to the holders who were asked for: colleagues on the same contract are not compiled."""
    if named is None:
        return tuple(contracts)
    wanted = frozenset(named)
    return tuple(one.narrowed_to(wanted) for one in contracts)
