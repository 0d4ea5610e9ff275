"""Compiling 15,000 members on eight controllers: one change, and the whole site from nothing; no floor and no peer."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from aldaba_cloud.access import store as access
from aldaba_cloud.access.compile import people_rows
from aldaba_cloud.access.models import AccessLevel, NamedSchedule, Target
from aldaba_cloud.access.publish import controllers_of, people_of, publish, site_rules
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet.models import ControllerKeys
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members import store as members_store
from aldaba_cloud.members.models import Contract, Holder, HolderKind, Plan, PlanKind
from aldaba_cloud.members.service import NewCredential
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door, Site, Zone
from aldaba_cloud.schema import migrate
from aldaba_shared.ids import ContractId, ControllerId, DoorId, HolderId, NetworkId, ScheduleId, SiteId, ZoneId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.presence import STREET
from aldaba_shared.schedule import Window
from bench.harness import Case, Samples, timed

MEMBERS = 15_000
CONTROLLERS = 8
CHANGES = 4
NOW = datetime(2026, 11, 23, 11, tzinfo=UTC)
NETWORK, SITE = NetworkId("net"), SiteId("site")
PAIRED = {ControllerId(f"c{n}"): bytes([n]) * 32 for n in range(CONTROLLERS)}
KEYS = {one: ControllerKeys(one, key, (key,)) for one, key in PAIRED.items()}


def build(work: Work, keyring: Keyring) -> None:
    """One site, a door a controller, everybody on one plan that opens half of the doors."""
    places.add_network(work, "net")
    places.add_site(work, Site(SITE, NETWORK, "Site", "Europe/Madrid"))
    zones = [ZoneId(f"z{n}") for n in range(CONTROLLERS)]
    for n, zone in enumerate(zones):
        places.add_zone(work, Zone(zone, SITE, zone, zones[0] if n else None))
        out_of = zones[0] if n else STREET
        places.add_door(work, Door(DoorId(f"d{n}"), SITE, f"d{n}", zone, out_of, ControllerId(f"c{n}")))
    week = tuple((Window(480, 1200),) if day < 5 else () for day in range(7))
    access.add_schedule(work, NamedSchedule(ScheduleId("flex"), SITE, "Flex", week))
    targets = tuple(Target(ScheduleId("flex"), zone=zone) for zone in zones[: CONTROLLERS // 2])
    level = AccessLevel("flex", SITE, "Flex", targets)
    access.add_level(work, level)
    members_store.add_plan(work, Plan("flex", "Flex", PlanKind.HOT_DESK))
    access.link_plan(work, "flex", level)
    people = [HolderId(f"h{n:05}") for n in range(MEMBERS)]
    members.welcome(work, (Holder(one, HolderKind.MEMBER, one) for one in people))
    members_store.add_contracts(
        work,
        (
            Contract(ContractId(f"k{one}"), "flex", (one,), date(2026, 1, 1), paid_until=date(2026, 12, 1))
            for one in people
        ),
    )
    cards = [NewCredential(one, CredentialKind.UID, n.to_bytes(7, "big"), one) for n, one in enumerate(people)]
    members.issue_many(work, cards, keyring)


def cases(room: Path) -> Iterator[Case]:
    """One change compiled and published, and the whole site compiled from nothing."""
    database, keyring = Database(f"sqlite:///{room / 'bench.db'}"), Keyring(room / "keys")
    migrate(database)
    with database.write() as db:
        build(Work(db, Scope(NETWORK), NOW), keyring)
    with database.write() as db:
        publish(Work(db, Scope(NETWORK), NOW), SITE, keyring, KEYS)
    holders = (HolderId(f"h{number:05}") for number in range(0, MEMBERS, 7))

    def change() -> Samples:
        return [_one_change(database, keyring, next(holders)) for _ in range(CHANGES)]

    def whole() -> Samples:
        with database.read() as db:
            work = Work(db, Scope(NETWORK), NOW)
            return timed(lambda: _compile_all(work, keyring), 1)

    yield Case("compile one change of 15,000 members", change, at_most=0.05, unit="ms")
    yield Case("compile a site of 15,000 members", whole, at_most=3.0, unit="s")
    database.close()


def _compile_all(work: Work, keyring: Keyring) -> None:
    rules = site_rules(work, SITE)
    rows = people_rows(rules, people_of(work, keyring), controllers_of(rules, KEYS))
    assert sum(map(len, rows.values())) == MEMBERS * (CONTROLLERS + CONTROLLERS // 2)


def _one_change(database: Database, keyring: Keyring, holder: HolderId) -> float:
    with database.write() as db:
        work = Work(db, Scope(NETWORK), NOW)
        ((card, _),) = members_store.credentials_of(work, [holder])
        members.revoke(work, card.id, "lost")
        started = time.perf_counter()
        made = publish(work, SITE, keyring, KEYS, whom=[holder])
        took = time.perf_counter() - started
        assert [one.changed for one in made] == [1] * CONTROLLERS
        return took
