"""The SQL of schedules, levels and published rules."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Select,
    String,
    UniqueConstraint,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy import (
    Row as SqlRow,
)

from aldaba_cloud.access.models import AccessLevel, Generation, Levels, NamedSchedule, SpecialDay, Target, VisitorPass
from aldaba_cloud.db import Scope, UtcDateTime, Work, scoped_table, visible_in
from aldaba_cloud.members.store import list_plans
from aldaba_shared.ids import ControllerId, DoorId, HolderId, ScheduleId, SiteId, ZoneId
from aldaba_shared.schedule import Windows
from aldaba_shared.snapshot import Change, Row
from aldaba_shared.wire import decode, encode

schedules = scoped_table(
    "schedules",
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("week", JSON, nullable=False),
    Column("keeps_special_days", Boolean, nullable=False),
    Column("reentry_minutes", Integer, nullable=False, server_default="0"),
    UniqueConstraint("site_id", "name"),
)

special_days = scoped_table(
    "special_days",
    Column("day", Date, nullable=False),
    Column("name", String(200), nullable=False),
    Column("windows", JSON, nullable=False),
    PrimaryKeyConstraint("site_id", "day"),
)

levels = scoped_table(
    "levels",
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    UniqueConstraint("site_id", "name"),
)

level_targets = scoped_table(
    "level_targets",
    Column("level_id", String(40), ForeignKey("levels.id", ondelete="CASCADE"), nullable=False),
    Column("place", Integer, nullable=False),
    Column("schedule_id", String(40), nullable=False),
    Column("door_id", String(40), ForeignKey("doors.id"), nullable=True),
    Column("zone_id", String(40), ForeignKey("zones.id"), nullable=True),
    PrimaryKeyConstraint("level_id", "place"),
)

plan_levels = scoped_table(
    "plan_levels",
    Column("plan_id", String(40), ForeignKey("plans.id", ondelete="CASCADE"), nullable=False),
    Column("level_id", String(40), ForeignKey("levels.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("plan_id", "level_id"),
)

holder_levels = scoped_table(
    "holder_levels",
    Column("holder_id", String(40), ForeignKey("holders.id", ondelete="CASCADE"), nullable=False),
    Column("level_id", String(40), ForeignKey("levels.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("holder_id", "level_id"),
)

rule_generations = scoped_table(
    "rule_generations",
    Column("controller_id", String(40), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("set_hash", LargeBinary(32), nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("changes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("controller_id", "epoch", "version"),
)
"""Every version published for a controller, with the changes that led to it from the one before."""

rule_rows = scoped_table(
    "rule_rows",
    Column("controller_id", String(40), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("row_key", LargeBinary, nullable=False),
    Column("holder_id", String(40), nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("controller_id", "kind", "row_key"),
    Index("ix_rule_rows_controller_id_holder_id", "controller_id", "holder_id"),
)
"""The rows of the newest version of each controller; `holder_id` is empty where a row is nobody's."""


passes = scoped_table(
    "passes",
    Column("id", String(40), primary_key=True),
    Column("cti", LargeBinary(16), nullable=False),
    Column("share_digest", String(64), nullable=False),
    Column("visitor", String(80), nullable=False),
    Column("host_id", String(40), ForeignKey("holders.id", ondelete="CASCADE"), nullable=False),
    Column("doors", JSON, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("valid_from", UtcDateTime, nullable=False),
    Column("valid_until", UtcDateTime, nullable=False, index=True),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("cancelled_at", UtcDateTime, nullable=True),
    UniqueConstraint("cti"),
    UniqueConstraint("share_digest"),
)
"""What a visitor pass says; never its text, which opens doors."""


def add_pass(work: Work, issued: VisitorPass, share_digest: str) -> None:
    """Keep what a pass says, and the keyed digest of the link it is fetched by."""
    row = {
        "id": issued.id,
        "cti": issued.cti,
        "share_digest": share_digest,
        "visitor": issued.visitor,
        "host_id": issued.host,
        "doors": list(issued.doors),
        "uses": issued.uses,
        "valid_from": issued.valid_from,
        "valid_until": issued.valid_until,
        "issued_at": work.now,
    }
    work.db.execute(insert(passes), row | work.stamp(issued.site))


def list_passes(work: Work) -> list[VisitorPass]:
    """The passes that have not ended, soonest first."""
    alive = (passes.c.valid_until > work.now) & work.visible(passes)
    return [_pass(row) for row in work.db.execute(select(passes).where(alive).order_by(passes.c.valid_from))]


def find_pass(work: Work, name: str) -> VisitorPass | None:
    """One pass, if the caller may see it."""
    row = work.db.execute(select(passes).where(passes.c.id == name, work.visible(passes))).first()
    return _pass(row) if row else None


def pass_by_link(db: Connection, share_digest: str, now: datetime) -> VisitorPass | None:
    """The pass a link leads to while it may be used; whoever has the link needs no account."""
    alive = (passes.c.share_digest == share_digest) & (passes.c.valid_until > now) & passes.c.cancelled_at.is_(None)
    row = db.execute(select(passes).where(alive)).first()
    return _pass(row) if row else None


def cancel_pass(work: Work, name: str) -> bool:
    """Note that a pass is taken back; False if the caller sees no such one."""
    mine = (passes.c.id == name) & work.writable(passes)
    return work.db.execute(update(passes).where(mine).values(cancelled_at=work.now)).rowcount > 0


def forget_passes(work: Work, before: datetime) -> int:
    """Forget passes that ended before a moment, and their visitors' names with them."""
    return work.db.execute(delete(passes).where(passes.c.valid_until < before, work.writable(passes))).rowcount


def add_schedule(work: Work, schedule: NamedSchedule) -> None:
    """Keep a schedule."""
    work.db.execute(insert(schedules), {"id": schedule.id} | _schedule_values(schedule) | work.stamp(schedule.site))


def save_schedule(work: Work, schedule: NamedSchedule) -> bool:
    """Write a schedule's name and week; False if the caller sees no such schedule."""
    mine = (schedules.c.id == schedule.id) & work.writable(schedules)
    return work.db.execute(update(schedules).where(mine).values(_schedule_values(schedule))).rowcount > 0


def find_schedule(work: Work, schedule: ScheduleId) -> NamedSchedule | None:
    """One schedule, if the caller may see it."""
    row = work.db.execute(select(schedules).where(schedules.c.id == schedule, work.visible(schedules))).first()
    return _schedule(row) if row else None


def list_schedules(work: Work) -> list[NamedSchedule]:
    """Every schedule the caller may see."""
    rows = work.db.execute(select(schedules).where(work.visible(schedules)).order_by(schedules.c.name))
    return [_schedule(row) for row in rows]


def set_special_day(work: Work, day: SpecialDay) -> None:
    """Write a special day in place of what that day was."""
    drop_special_day(work, day)
    row = {"day": day.day, "name": day.name, "windows": msgspec.to_builtins(day.windows)}
    work.db.execute(insert(special_days), row | work.stamp(day.site))


def drop_special_day(work: Work, day: SpecialDay) -> bool:
    """Make the day an ordinary one again; False if it was."""
    that = (special_days.c.site_id == day.site) & (special_days.c.day == day.day) & work.writable(special_days)
    return work.db.execute(delete(special_days).where(that)).rowcount > 0


def list_special_days(work: Work, site: SiteId) -> list[SpecialDay]:
    """The special days of a site, in order."""
    rows = work.db.execute(
        select(special_days)
        .where(special_days.c.site_id == site, work.visible(special_days))
        .order_by(special_days.c.day)
    )
    return [SpecialDay(SiteId(row.site_id), row.day, row.name, _windows(row.windows)) for row in rows]


def add_level(work: Work, level: AccessLevel) -> None:
    """Keep a level and its targets."""
    stamp = work.stamp(level.site)
    work.db.execute(insert(levels), {"id": level.id, "name": level.name} | stamp)
    _add_targets(work, level)


def save_level(work: Work, level: AccessLevel) -> bool:
    """Write a level's name and targets; False if the caller sees no such level."""
    mine = (levels.c.id == level.id) & work.writable(levels)
    if not work.db.execute(update(levels).where(mine).values(name=level.name)).rowcount:
        return False
    work.db.execute(delete(level_targets).where(level_targets.c.level_id == level.id))
    _add_targets(work, level)
    return True


def find_level(work: Work, level: str) -> AccessLevel | None:
    """One level, if the caller may see it."""
    row = work.db.execute(select(levels).where(levels.c.id == level, work.visible(levels))).first()
    return AccessLevel(row.id, SiteId(row.site_id), row.name, _targets(work).get(row.id, ())) if row else None


def link_plan(work: Work, plan: str, level: AccessLevel) -> None:
    """Give a level to everybody whose contract is on this plan."""
    work.db.execute(insert(plan_levels), {"plan_id": plan, "level_id": level.id} | work.stamp(level.site))


def link_holder(work: Work, holder: HolderId, level: AccessLevel) -> None:
    """Give a level to one holder, contract or not."""
    work.db.execute(insert(holder_levels), {"holder_id": holder, "level_id": level.id} | work.stamp(level.site))


def unlink_holder(work: Work, holder: HolderId, level: str) -> bool:
    """Take a level from one holder; False if they had it not."""
    that = (holder_levels.c.holder_id == holder) & (holder_levels.c.level_id == level) & work.writable(holder_levels)
    return work.db.execute(delete(holder_levels).where(that)).rowcount > 0


def load_levels(work: Work, site: SiteId) -> Levels:
    """Everything about levels at one site."""
    here = list(work.db.execute(select(levels).where(levels.c.site_id == site, work.visible(levels))))
    targets = _targets(work)
    by_level = {row.id: AccessLevel(row.id, site, row.name, targets.get(row.id, ())) for row in here}
    by_plan: Mapping[str, list[str]] = defaultdict(list)
    for row in work.db.execute(select(plan_levels).where(plan_levels.c.site_id == site, work.visible(plan_levels))):
        by_plan[row.plan_id].append(row.level_id)
    by_holder: Mapping[str, list[str]] = defaultdict(list)
    linked = select(holder_levels).where(holder_levels.c.site_id == site, work.visible(holder_levels))
    for row in work.db.execute(linked):
        by_holder[row.holder_id].append(row.level_id)
    return Levels(
        levels=by_level,
        by_plan={plan: tuple(sorted(found)) for plan, found in by_plan.items()},
        by_holder={HolderId(holder): tuple(sorted(found)) for holder, found in by_holder.items()},
        schedules={one.id: one for one in list_schedules(work) if one.site == site},
        special_days=tuple(list_special_days(work, site)),
        cancelled_passes=_cancelled(work, site),
        sticker_plans=frozenset(plan.id for plan in list_plans(work) if plan.sticker),
    )


def _cancelled(work: Work, site: SiteId) -> tuple[bytes, ...]:
    """The passes that doors must refuse although they are signed and in their time."""
    wanted = (passes.c.site_id == site) & passes.c.cancelled_at.is_not(None) & (passes.c.valid_until > work.now)
    return tuple(sorted(work.db.execute(select(passes.c.cti).where(wanted, work.visible(passes))).scalars()))


def newest_generation(work: Work, controller: ControllerId) -> Generation | None:
    """What was last published for a controller."""
    row = work.db.execute(_newest_of(work.scope), {"of": controller}).first()
    return Generation(controller, row.epoch, row.version, row.set_hash) if row else None


@lru_cache(maxsize=1024)
def _newest_of(scope: Scope) -> Select[Any]:
    columns = rule_generations.c
    found = select(columns.epoch, columns.version, columns.set_hash)
    mine = (columns.controller_id == bindparam("of")) & visible_in(rule_generations, scope)
    return found.where(mine).order_by(columns.epoch.desc(), columns.version.desc()).limit(1)


def add_generation(work: Work, site: SiteId, generation: Generation, changes: tuple[Change, ...]) -> None:
    """Keep a published version with the changes that led to it."""
    row = {
        "controller_id": generation.controller,
        "epoch": generation.epoch,
        "version": generation.version,
        "set_hash": generation.set_hash,
        "issued_at": work.now,
        "changes": encode(changes),
    }
    work.db.execute(insert(rule_generations), row | work.stamp(site))


def changes_to(work: Work, generation: Generation) -> tuple[Change, ...]:
    """The changes that led to a published version from the one before."""
    that = (
        (rule_generations.c.controller_id == generation.controller)
        & (rule_generations.c.epoch == generation.epoch)
        & (rule_generations.c.version == generation.version)
    )
    body = work.db.execute(select(rule_generations.c.changes).where(that, work.visible(rule_generations))).scalar_one()
    return decode(body, tuple[Change, ...])


def newest_generations(work: Work) -> list[Generation]:
    """What was last published for each controller the caller may see."""
    columns = (
        rule_generations.c.controller_id,
        rule_generations.c.epoch,
        rule_generations.c.version,
        rule_generations.c.set_hash,
    )
    newest: dict[str, Generation] = {}
    ordered = select(*columns).where(work.visible(rule_generations)).order_by(columns[1], columns[2])
    for row in work.db.execute(ordered):
        newest[row.controller_id] = Generation(ControllerId(row.controller_id), row.epoch, row.version, row.set_hash)
    return list(newest.values())


def prune_generations(work: Work, before: datetime) -> int:
    """Forget versions older than this, except the newest of each controller; returns how many went."""
    gone = 0
    for kept in newest_generations(work):
        older = (
            (rule_generations.c.controller_id == kept.controller)
            & (rule_generations.c.issued_at < before)
            & (rule_generations.c.version < kept.version)
        )
        gone += work.db.execute(delete(rule_generations).where(older, work.writable(rule_generations))).rowcount
    return gone


class EncodedRow(NamedTuple):
    """A row of a rule set as the bytes that are hashed and kept."""

    table: str
    key: bytes
    holder: str
    body: bytes

    @property
    def place(self) -> tuple[str, bytes]:
        """Where the row stands in its set: its table and primary key."""
        return self.table, self.key

    def decoded(self) -> Row:
        """The row itself."""
        return decode(self.body, Row)


HOLDER_COLUMN: Final = {"credential": 2, "public_key": 1, "grant_": 1}


def encoded(row: Row) -> EncodedRow:
    """Encode a row once, for comparing, hashing and keeping."""
    place = HOLDER_COLUMN.get(row.table)
    key = b"\x00".join(part if isinstance(part, bytes) else str(part).encode() for part in row.key)
    return EncodedRow(row.table, key, row.values[place] if place is not None else "", encode(row))


def published(
    work: Work, controller: ControllerId, holders: Iterable[HolderId | str] | None = None
) -> list[EncodedRow]:
    """The rows a controller has by its newest version: all, or those of some holders ('' for nobody's)."""
    found = select(rule_rows.c.kind, rule_rows.c.row_key, rule_rows.c.holder_id, rule_rows.c.body).where(
        rule_rows.c.controller_id == controller, work.visible(rule_rows)
    )
    if holders is not None:
        found = found.where(rule_rows.c.holder_id.in_(list(holders)))
    return [EncodedRow(*row) for row in work.db.execute(found)]


def replace_rows(
    work: Work, site: SiteId, controller: ControllerId, rows: tuple[list[EncodedRow], list[EncodedRow]]
) -> None:
    """Drop the first rows and put the second."""
    gone, put = rows
    if gone:
        work.db.execute(
            delete(rule_rows).where(
                rule_rows.c.controller_id == controller,
                rule_rows.c.kind == bindparam("b_kind"),
                rule_rows.c.row_key == bindparam("b_key"),
            ),
            [{"b_kind": row.table, "b_key": row.key} for row in gone],
        )
    if put:
        same = {"controller_id": controller} | work.stamp(site)
        work.db.execute(
            insert(rule_rows),
            [same | {"kind": r.table, "row_key": r.key, "holder_id": r.holder, "body": r.body} for r in put],
        )


def _add_targets(work: Work, level: AccessLevel) -> None:
    rows = [
        {
            "level_id": level.id,
            "place": place,
            "schedule_id": target.schedule,
            "door_id": target.door,
            "zone_id": target.zone,
        }
        | work.stamp(level.site)
        for place, target in enumerate(level.targets)
    ]
    if rows:
        work.db.execute(insert(level_targets), rows)


def _targets(work: Work) -> dict[str, tuple[Target, ...]]:
    found: dict[str, list[Target]] = defaultdict(list)
    ordered = select(level_targets).where(work.visible(level_targets)).order_by(level_targets.c.place)
    for row in work.db.execute(ordered):
        door = DoorId(row.door_id) if row.door_id else None
        zone = ZoneId(row.zone_id) if row.zone_id else None
        found[row.level_id].append(Target(ScheduleId(row.schedule_id), door, zone))
    return {level: tuple(targets) for level, targets in found.items()}


def _schedule_values(schedule: NamedSchedule) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "week": msgspec.to_builtins(schedule.week),
        "keeps_special_days": schedule.keeps_special_days,
        "reentry_minutes": schedule.reentry_minutes,
    }


def _schedule(row: SqlRow[Any]) -> NamedSchedule:
    week = tuple(_windows(day) for day in row.week)
    kept = row.keeps_special_days
    return NamedSchedule(ScheduleId(row.id), SiteId(row.site_id), row.name, week, kept, row.reentry_minutes)


def _pass(row: SqlRow[Any]) -> VisitorPass:
    return VisitorPass(
        id=row.id,
        site=SiteId(row.site_id),
        cti=bytes(row.cti),
        visitor=row.visitor,
        host=HolderId(row.host_id),
        doors=tuple(DoorId(door) for door in row.doors),
        uses=row.uses,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        cancelled_at=row.cancelled_at,
    )


def _windows(raw: object) -> Windows:
    return msgspec.convert(raw, Windows)
