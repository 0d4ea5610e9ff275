"""The SQL of networks, sites, zones and doors."""

from datetime import time
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    Row,
    Select,
    String,
    UniqueConstraint,
    bindparam,
    false,
    insert,
    select,
    update,
)

from aldaba_cloud.db import ALL_SITES, Scope, UtcDateTime, Work, scoped_table, visible_in
from aldaba_cloud.places.models import Door, DoorUse, Place, Site, Zone
from aldaba_shared.decide import Passback
from aldaba_shared.door_rules import Apart
from aldaba_shared.ids import ControllerId, DoorId, NetworkId, ScheduleId, SiteId, ZoneId
from aldaba_shared.presence import STREET

networks = scoped_table(
    "networks",
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("rules_epoch", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

sites = scoped_table(
    "sites",
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("time_zone", String(60), nullable=False),
    Column("night_reset", String(5), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
"""`site_id` repeats `id`, so that a site is in scope like everything in it."""

zones = scoped_table(
    "zones",
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("parent_id", String(40), ForeignKey("zones.id"), nullable=True),
    Column("safety_limit", Integer, nullable=True),
    Column("commercial_limit", Integer, nullable=True),
    Column("counted", Boolean, nullable=False),
    Column("passback", String(8), nullable=False),
    Column("passback_minutes", Integer, nullable=False),
    Column("presence_hours", Integer, nullable=False),
    Column("apart", String(8), nullable=False, server_default="soften"),
    UniqueConstraint("site_id", "name"),
)

doors = scoped_table(
    "doors",
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("into_zone_id", String(40), ForeignKey("zones.id"), nullable=False),
    Column("out_of_zone_id", String(40), ForeignKey("zones.id"), nullable=True),
    Column("controller_id", String(40), nullable=True, index=True),
    Column("way_out_read", Boolean, nullable=False),
    Column("release_seconds", Integer, nullable=False),
    Column("offline_grace_hours", Integer, nullable=False),
    Column("unlock_schedule_id", String(40), nullable=True),
    Column("second_factor_schedule_id", String(40), nullable=True),
    Column("pin_alone", Boolean, nullable=False, server_default=false()),
    Column("persons", Integer, nullable=False, server_default="1"),
    Column("sticker", Boolean, nullable=False, server_default=false()),
    Column("first_card", Boolean, nullable=False, server_default=false()),
    Column("interlock_with", JSON, nullable=False, server_default="[]"),
    Column("interlock_apart", String(8), nullable=False, server_default="keep"),
    Column("shadow", Boolean, nullable=True),
    UniqueConstraint("site_id", "name"),
)
"""A door that leads out of nothing leads out of the street, which is no row."""


def add_network(work: Work, name: str) -> None:
    """Keep the network the scope names."""
    row = {"id": work.scope.network, "name": name, "rules_epoch": 1, "created_at": work.now}
    work.db.execute(insert(networks), row | work.stamp(ALL_SITES))


def every_network(db: Connection) -> list[NetworkId]:
    """All networks of this database; for the command line, which stands outside all of them."""
    return [NetworkId(name) for name in db.execute(select(networks.c.id).order_by(networks.c.id)).scalars()]


def rules_epoch(work: Work) -> int:
    """The epoch of the network's rules: raised by every restore, so that no old rule set comes back."""
    found = select(networks.c.rules_epoch).where(networks.c.id == work.scope.network)
    return int(work.db.execute(found).scalar_one())


def lock_publishing(work: Work) -> None:
    """Wait until no other transaction publishes rules in this network; held to the end of this one.

    PostgreSQL locks the network's row, without stopping those who only refer to
    it. On SQLite there is one writer at a time anyway (`Database.write`).
    """
    mine = select(networks.c.id).where(networks.c.id == work.scope.network)
    work.db.execute(mine.with_for_update(key_share=True)).all()


def raise_epoch(work: Work) -> int:
    """Begin a new epoch; returns it."""
    mine = networks.c.id == work.scope.network
    work.db.execute(update(networks).where(mine).values(rules_epoch=networks.c.rules_epoch + 1))
    return rules_epoch(work)


def add_site(work: Work, site: Site) -> None:
    """Keep a site; only somebody of the whole network may."""
    work.stamp(ALL_SITES)
    row = {
        "id": site.id,
        "name": site.name,
        "time_zone": site.time_zone,
        "night_reset": site.night_reset.isoformat("minutes"),
        "created_at": work.now,
    }
    work.db.execute(insert(sites), row | {"network_id": work.scope.network, "site_id": site.id})


def add_zone(work: Work, zone: Zone) -> None:
    """Keep a zone."""
    row = {
        "id": zone.id,
        "name": zone.name,
        "parent_id": zone.parent,
        "safety_limit": zone.safety_limit,
        "commercial_limit": zone.commercial_limit,
        "counted": zone.counted,
        "passback": zone.passback,
        "passback_minutes": zone.passback_minutes,
        "presence_hours": zone.presence_hours,
        "apart": zone.apart,
    }
    work.db.execute(insert(zones), row | work.stamp(zone.site))


def add_door(work: Work, door: Door) -> None:
    """Keep a door."""
    row = {
        "id": door.id,
        "name": door.name,
        "into_zone_id": door.into,
        "out_of_zone_id": None if door.out_of == STREET else door.out_of,
        "controller_id": door.controller,
        "way_out_read": door.way_out_read,
        "release_seconds": door.release_seconds,
        "offline_grace_hours": door.offline_grace_hours,
        "shadow": door.shadow,
    }
    work.db.execute(insert(doors), row | _use_row(door.use) | work.stamp(door.site))


def set_use(work: Work, door: DoorId, use: DoorUse) -> bool:
    """Say how a door is used; False if the caller sees no such door."""
    mine = (doors.c.id == door) & work.writable(doors)
    return work.db.execute(update(doors).where(mine).values(_use_row(use))).rowcount > 0


def set_sticker(work: Work, door: DoorId, *, sticker: bool) -> bool:
    """Say whether members may ask a door by its sticker; False if the caller sees no such door."""
    mine = (doors.c.id == door) & work.writable(doors)
    return work.db.execute(update(doors).where(mine).values(sticker=sticker)).rowcount > 0


def set_shadow(work: Work, door: DoorId, *, shadow: bool) -> bool:
    """Say whether a door listens beside another system; False if the caller sees no such door."""
    mine = (doors.c.id == door) & work.writable(doors)
    return work.db.execute(update(doors).where(mine).values(shadow=shadow)).rowcount > 0


def set_zone_apart(work: Work, zone: ZoneId, apart: Apart) -> bool:
    """Say what a zone's passback does while its controllers cannot hear each other."""
    mine = (zones.c.id == zone) & work.writable(zones)
    return work.db.execute(update(zones).where(mine).values(apart=apart)).rowcount > 0


def _use_row(use: DoorUse) -> dict[str, Any]:
    return {
        "unlock_schedule_id": use.unlock,
        "first_card": use.first_card,
        "interlock_with": list(use.interlock_with),
        "interlock_apart": use.interlock_apart,
        "second_factor_schedule_id": use.second_factor,
        "pin_alone": use.pin_alone,
        "persons": use.persons,
        "sticker": use.sticker,
    }


def bind_door(work: Work, door: DoorId, controller: ControllerId | None) -> bool:
    """Say which controller decides at a door; False if the caller sees no such door."""
    mine = (doors.c.id == door) & work.writable(doors)
    return work.db.execute(update(doors).where(mine).values(controller_id=controller)).rowcount > 0


def shadows(work: Work, controller: ControllerId) -> list[tuple[DoorId, bool | None]]:
    """Whether each door of a controller was switched into shadow or live."""
    return [(DoorId(row.id), row.shadow) for row in work.db.execute(_shadows(work.scope), {"of": controller})]


@lru_cache(maxsize=1024)
def _shadows(scope: Scope) -> Select[Any]:
    mine = (doors.c.controller_id == bindparam("of")) & visible_in(doors, scope)
    return select(doors.c.id, doors.c.shadow).where(mine).order_by(doors.c.id)


def doors_of(work: Work, controller: ControllerId) -> list[DoorId]:
    """The doors at which a controller decides."""
    return [door for door, _ in shadows(work, controller)]


def unbind_doors(work: Work, controller: ControllerId) -> None:
    """Leave the doors of a controller without one."""
    theirs = (doors.c.controller_id == controller) & work.writable(doors)
    work.db.execute(update(doors).where(theirs).values(controller_id=None))


def list_sites(work: Work) -> list[Site]:
    """Every site the caller may see."""
    return [_site(row) for row in work.db.execute(select(sites).where(work.visible(sites)).order_by(sites.c.name))]


def find_site(work: Work, site: SiteId) -> Site | None:
    """One site, if the caller may see it."""
    row = work.db.execute(select(sites).where(sites.c.id == site, work.visible(sites))).first()
    return _site(row) if row else None


def find_door(work: Work, door: DoorId) -> Door | None:
    """One door, if the caller may see it."""
    row = work.db.execute(select(doors).where(doors.c.id == door, work.visible(doors))).first()
    return _door(row) if row else None


def find_zone(work: Work, zone: ZoneId) -> Zone | None:
    """One zone, if the caller may see it."""
    row = work.db.execute(select(zones).where(zones.c.id == zone, work.visible(zones))).first()
    return _zone(row) if row else None


def load_place(work: Work, site: Site) -> Place:
    """A site with all its zones and doors."""
    found_zones = work.db.execute(select(zones).where(zones.c.site_id == site.id, work.visible(zones)))
    found_doors = work.db.execute(select(doors).where(doors.c.site_id == site.id, work.visible(doors)))
    by_zone = {zone.id: zone for zone in map(_zone, found_zones)}
    by_door = {door.id: door for door in map(_door, found_doors)}
    return Place(site, by_zone, by_door)


def _site(row: Row[Any]) -> Site:
    reset = time.fromisoformat(row.night_reset)
    return Site(SiteId(row.id), NetworkId(row.network_id), row.name, row.time_zone, reset)


def _zone(row: Row[Any]) -> Zone:
    return Zone(
        id=ZoneId(row.id),
        site=SiteId(row.site_id),
        name=row.name,
        parent=ZoneId(row.parent_id) if row.parent_id else None,
        safety_limit=row.safety_limit,
        commercial_limit=row.commercial_limit,
        counted=row.counted,
        passback=Passback(row.passback),
        passback_minutes=row.passback_minutes,
        presence_hours=row.presence_hours,
        apart=Apart(row.apart),
    )


def _door(row: Row[Any]) -> Door:
    return Door(
        id=DoorId(row.id),
        site=SiteId(row.site_id),
        name=row.name,
        into=ZoneId(row.into_zone_id),
        out_of=ZoneId(row.out_of_zone_id) if row.out_of_zone_id else STREET,
        controller=ControllerId(row.controller_id) if row.controller_id else None,
        way_out_read=row.way_out_read,
        release_seconds=row.release_seconds,
        offline_grace_hours=row.offline_grace_hours,
        use=DoorUse(
            ScheduleId(row.unlock_schedule_id) if row.unlock_schedule_id else None,
            row.first_card,
            tuple(DoorId(one) for one in row.interlock_with),
            Apart(row.interlock_apart),
            ScheduleId(row.second_factor_schedule_id) if row.second_factor_schedule_id else None,
            row.pin_alone,
            row.persons,
            row.sticker,
        ),
        shadow=row.shadow,
    )
