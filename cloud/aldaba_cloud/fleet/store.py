"""The SQL of controllers: who they are, what they confirmed, and what they were told."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Row,
    Select,
    String,
    UniqueConstraint,
    Update,
    bindparam,
    case,
    delete,
    false,
    insert,
    select,
    update,
)

from aldaba_cloud.db import Scope, UtcDateTime, Work, scoped_table, visible_in, writable_in
from aldaba_cloud.fleet.models import Controller, HelloKept
from aldaba_shared.decide import DoorMode
from aldaba_shared.ids import ControllerId, DoorId, NetworkId, SiteId
from aldaba_shared.messages import Hello, ModeNow

Serial = BigInteger().with_variant(Integer, "sqlite")

controllers = scoped_table(
    "controllers",
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("kid", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sealed_controller_key", LargeBinary, nullable=False),
    Column("sealed_broker_password", LargeBinary, nullable=False),
    Column("software", String(80), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("set_hash", LargeBinary, nullable=False),
    Column("confirmed_at", UtcDateTime, nullable=True),
    Column("paired_at", UtcDateTime, nullable=False),
    Column("last_contact_at", UtcDateTime, nullable=True),
    Column("retired_at", UtcDateTime, nullable=True),
    Column("hello_at", UtcDateTime, nullable=True),
    Column("hello_boot", String(80), nullable=True),
    Column("hello_journal", String(80), nullable=True),
    Column("hello_sequence", BigInteger, nullable=True),
    Column("hello_nonce", LargeBinary, nullable=True),
    Column("hello_offset_us", BigInteger, nullable=True),
    Column("modes_counter", BigInteger, nullable=False),
    Column("modes_confirmed", BigInteger, nullable=False),
    Column("command_counter", BigInteger, nullable=False),
    Column("held_since", UtcDateTime, nullable=True),
    Column("canary", Boolean, nullable=False, server_default=false()),
    Column("software_since", UtcDateTime, nullable=True),
    UniqueConstraint("kid"),
)

nonces = scoped_table(
    "fleet_nonces",
    Column("controller_id", String(40), nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    PrimaryKeyConstraint("controller_id", "nonce"),
)
"""Nonces of hellos and requests, so that none counts twice."""

door_modes = scoped_table(
    "door_modes",
    Column("door_id", String(40), primary_key=True),
    Column("controller_id", String(40), nullable=False, index=True),
    Column("mode", String(20), nullable=False),
    Column("until", UtcDateTime, nullable=True),
    Column("set_at", UtcDateTime, nullable=False),
    Column("set_by", String(60), nullable=False),
)

pairing_codes = scoped_table(
    "pairing_codes",
    Column("id", String(40), primary_key=True),
    Column("digest", String(64), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("doors", JSON, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("wrong_tries", Integer, nullable=False),
    Column("used_at", UtcDateTime, nullable=True),
)


def add_controller(work: Work, controller: Controller, sealed_broker_password: bytes) -> None:
    """Keep a controller that has just been paired."""
    row = {
        "id": controller.id,
        "name": controller.name,
        "kid": controller.kid,
        "public_key": controller.public_key,
        "sealed_controller_key": controller.sealed_controller_key,
        "sealed_broker_password": sealed_broker_password,
        "software": controller.software,
        "epoch": controller.epoch,
        "version": controller.version,
        "set_hash": controller.set_hash,
        "paired_at": controller.paired_at,
        "modes_counter": 0,
        "modes_confirmed": 0,
        "command_counter": 0,
    }
    work.db.execute(insert(controllers), row | work.stamp(controller.site))


def find_controller(work: Work, controller: ControllerId) -> Controller | None:
    """One controller, if the caller may see it."""
    row = work.db.execute(_one(work.scope), {"one": controller}).first()
    return _controller(row) if row else None


@lru_cache(maxsize=1024)
def _one(scope: Scope) -> Select[Any]:
    return select(controllers).where(controllers.c.id == bindparam("one"), visible_in(controllers, scope))


def list_controllers(work: Work) -> list[Controller]:
    """Every controller the caller may see, retired ones last."""
    rows = work.db.execute(
        select(controllers)
        .where(work.visible(controllers))
        .order_by(controllers.c.retired_at.is_not(None), controllers.c.name)
    )
    return [_controller(row) for row in rows]


def hold_controllers(work: Work) -> int:
    """Hold every controller in use back from new rules, and forget what they once confirmed; returns how many.

    Release commands go on above any number that the lost time can have used.
    """
    counter = int(work.now.timestamp())
    used = controllers.c.command_counter
    values = {
        "held_since": work.now,
        "epoch": 0,
        "version": 0,
        "set_hash": b"",
        "confirmed_at": None,
        "hello_at": None,
        "command_counter": case((used < counter, counter), else_=used),
    }
    mine = controllers.c.retired_at.is_(None) & work.writable(controllers)
    return work.db.execute(update(controllers).where(mine).values(values)).rowcount


def held_since(work: Work) -> dict[ControllerId, datetime]:
    """The controllers that are held back since a restore, and since when."""
    return {ControllerId(row.id): row.held_since for row in work.db.execute(_held(work.scope))}


@lru_cache(maxsize=1024)
def _held(scope: Scope) -> Select[Any]:
    mine = controllers.c.held_since.is_not(None) & controllers.c.retired_at.is_(None) & visible_in(controllers, scope)
    return select(controllers.c.id, controllers.c.held_since).where(mine)


def let_go(work: Work, controller: ControllerId) -> None:
    """Hold a controller back no longer."""
    _update(work, controller, {"held_since": None})


def adopt_modes_counter(work: Work, controller: ControllerId, counter: int) -> bool:
    """Count on from where a controller says it is; False if we were there already."""
    mine = (controllers.c.id == controller) & (controllers.c.modes_counter < counter) & work.writable(controllers)
    return work.db.execute(update(controllers).where(mine).values(modes_counter=counter)).rowcount > 0


def broker_passwords(work: Work) -> list[tuple[ControllerId, bytes]]:
    """The sealed broker password of every controller that is in use."""
    rows = work.db.execute(
        select(controllers.c.id, controllers.c.sealed_broker_password).where(
            work.visible(controllers), controllers.c.retired_at.is_(None)
        )
    )
    return [(ControllerId(row.id), row.sealed_broker_password) for row in rows]


def broker_accounts(db: Connection, controller: ControllerId | None = None) -> list[tuple[SiteId, ControllerId, bytes]]:
    """Site, controller and sealed broker password of every controller in use, of every network; or of that one."""
    wanted = select(controllers).where(controllers.c.retired_at.is_(None)).order_by(controllers.c.id)
    if controller is not None:
        wanted = wanted.where(controllers.c.id == controller)
    return [(SiteId(row.site_id), ControllerId(row.id), row.sealed_broker_password) for row in db.execute(wanted)]


def controllers_at(db: Connection, site: SiteId) -> tuple[list[ControllerId], list[ControllerId]]:
    """The controllers of a site that are in use, and those that were."""
    rows = db.execute(select(controllers).where(controllers.c.site_id == site).order_by(controllers.c.id))
    known = [(ControllerId(row.id), row.retired_at is None) for row in rows]
    return [one for one, used in known if used], [one for one, used in known if not used]


SENDER: Final = select(controllers).where(controllers.c.id == bindparam("sender"), controllers.c.retired_at.is_(None))
"""Made once: every message asks it."""


def find_sender(db: Connection, controller: ControllerId) -> Controller | None:
    """Who says they are this controller, in whatever network; only for checking their signature."""
    row = db.execute(SENDER, {"sender": controller}).first()
    return _controller(row) if row else None


def every_controller(db: Connection) -> list[Controller]:
    """Every controller in use, of every network: for the link, which speaks to all of them."""
    rows = db.execute(select(controllers).where(controllers.c.retired_at.is_(None)).order_by(controllers.c.id))
    return [_controller(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Code:
    """A pairing code that is open, without its digits: where the controller will stand and its doors."""

    id: str
    network: NetworkId
    site: SiteId
    name: str
    doors: tuple[DoorId, ...]


def add_code(work: Work, code: Code, digest: str, expires_at: datetime) -> None:
    """Keep a pairing code by its keyed digest."""
    row = {
        "id": code.id,
        "digest": digest,
        "name": code.name,
        "doors": list(code.doors),
        "expires_at": expires_at,
        "wrong_tries": 0,
    }
    work.db.execute(insert(pairing_codes), row | work.stamp(code.site))


def find_code(db: Connection, digest: str, now: datetime) -> Code | None:
    """The open code of this digest, in whatever network: the code itself says where its controller belongs."""
    row = db.execute(select(pairing_codes).where(pairing_codes.c.digest == digest, _open(now))).first()
    if row is None:
        return None
    return Code(row.id, NetworkId(row.network_id), SiteId(row.site_id), row.name, tuple(map(DoorId, row.doors)))


def use_code(work: Work, code: Code) -> None:
    """Let a code never work again."""
    mine = (pairing_codes.c.id == code.id) & work.writable(pairing_codes)
    work.db.execute(update(pairing_codes).where(mine).values(used_at=work.now))


def count_wrong_try(db: Connection, now: datetime, most: int) -> None:
    """Count a wrong code against every open one, since nobody knows which was meant; void those that had enough."""
    tries = pairing_codes.c.wrong_tries
    db.execute(update(pairing_codes).where(_open(now)).values(wrong_tries=tries + 1))
    db.execute(update(pairing_codes).where(_open(now), tries >= most).values(used_at=now))


def _open(now: datetime) -> ColumnElement[bool]:
    return pairing_codes.c.used_at.is_(None) & (pairing_codes.c.expires_at > now)


def retire_controller(work: Work, controller: ControllerId) -> bool:
    """Believe nothing more of a controller; False if the caller sees no such one."""
    mine = (controllers.c.id == controller) & work.writable(controllers)
    return work.db.execute(update(controllers).where(mine).values(retired_at=work.now)).rowcount > 0


def save_hello(work: Work, hello: Hello) -> None:
    """Keep what a controller said on connecting."""
    software = hello.software[:80]
    same = (controllers.c.software == software) & controllers.c.software_since.is_not(None)
    values = {
        "software": software,
        "software_since": case((same, controllers.c.software_since), else_=work.now),
        "hello_at": work.now,
        "hello_boot": hello.boot[:80],
        "hello_journal": hello.journal[:80],
        "hello_sequence": hello.last_sequence,
        "hello_nonce": hello.nonce,
        "hello_offset_us": (work.now - hello.clock) // timedelta(microseconds=1),
        "modes_confirmed": hello.modes_counter,
        "last_contact_at": work.now,
    }
    _update(work, hello.controller, values)


def save_contact(work: Work, controller: ControllerId) -> None:
    """Note that a controller was heard."""
    work.db.execute(_contact(work.scope), {"of": controller, "heard_at": work.now})


@lru_cache(maxsize=1024)
def _contact(scope: Scope) -> Update:
    mine = (controllers.c.id == bindparam("of")) & writable_in(controllers, scope)
    return update(controllers).where(mine).values(last_contact_at=bindparam("heard_at"))


def save_confirmed(work: Work, controller: ControllerId, generation: tuple[int, int], set_hash: bytes) -> None:
    """Note which rule set a controller says is in force."""
    epoch, version = generation
    values = {"epoch": epoch, "version": version, "set_hash": set_hash, "confirmed_at": work.now}
    _update(work, controller, values)


def save_modes_confirmed(work: Work, controller: ControllerId, counter: int) -> None:
    """Note which modes a controller says are in force."""
    _update(work, controller, {"modes_confirmed": counter})


def modes_counter(work: Work, controller: ControllerId) -> int:
    """How often the modes of a controller were changed."""
    return int(work.db.execute(_modes_counted(work.scope), {"one": controller}).scalar_one())


@lru_cache(maxsize=1024)
def _modes_counted(scope: Scope) -> Select[Any]:
    mine = (controllers.c.id == bindparam("one")) & visible_in(controllers, scope)
    return select(controllers.c.modes_counter).where(mine)


def next_counter(work: Work, controller: ControllerId, name: str) -> int:
    """Count one up, for `modes_counter` or `command_counter`."""
    column = controllers.c[name]
    mine = (controllers.c.id == controller) & work.writable(controllers)
    counted = update(controllers).where(mine).values({name: column + 1}).returning(column)
    return int(work.db.execute(counted).scalar_one())


def spend_nonce(work: Work, controller: Controller, nonce: bytes) -> bool:
    """Remember a nonce; False if it was there already."""
    seen = select(nonces.c.at).where(nonces.c.controller_id == controller.id, nonces.c.nonce == nonce)
    if work.db.execute(seen).first():
        return False
    row = {"controller_id": controller.id, "nonce": nonce, "at": work.now}
    work.db.execute(insert(nonces), row | work.stamp(controller.site))
    return True


def set_mode(work: Work, site: SiteId, controller: ControllerId, mode: ModeNow) -> None:
    """Write what a door does by itself in place of what it did; a locked door without an end needs no row."""
    work.db.execute(delete(door_modes).where(door_modes.c.door_id == mode.door, work.writable(door_modes)))
    if mode.mode is DoorMode.LOCKED and mode.until is None:
        return
    row = {
        "door_id": mode.door,
        "controller_id": controller,
        "mode": mode.mode,
        "until": mode.until,
        "set_at": work.now,
        "set_by": work.actor,
    }
    work.db.execute(insert(door_modes), row | work.stamp(site))


def modes_said(work: Work, controller: ControllerId) -> list[ModeNow]:
    """The modes a controller was told, also those that have ended: one counter means one content."""
    return [_mode(row) for row in work.db.execute(_modes_said(work.scope), {"of": controller})]


@lru_cache(maxsize=1024)
def _modes_said(scope: Scope) -> Select[Any]:
    mine = (door_modes.c.controller_id == bindparam("of")) & visible_in(door_modes, scope)
    return select(door_modes).where(mine).order_by(door_modes.c.door_id)


def list_modes(work: Work, controller: ControllerId | None = None) -> list[ModeNow]:
    """The modes that hold now, of one controller or of every door the caller may see."""
    holds = door_modes.c.until.is_(None) | (door_modes.c.until > work.now)
    found = select(door_modes).where(work.visible(door_modes), holds).order_by(door_modes.c.door_id)
    if controller is not None:
        found = found.where(door_modes.c.controller_id == controller)
    return [_mode(row) for row in work.db.execute(found)]


def set_canary(work: Work, controller: ControllerId, *, canary: bool) -> None:
    """Say whether a controller takes updates before the others."""
    _update(work, controller, {"canary": canary})


def _update(work: Work, controller: ControllerId, values: dict[str, Any]) -> None:
    work.db.execute(
        update(controllers).where(controllers.c.id == controller, work.writable(controllers)).values(values)
    )


def _mode(row: Row[Any]) -> ModeNow:
    return ModeNow(DoorId(row.door_id), DoorMode(row.mode), row.until)


def _controller(row: Row[Any]) -> Controller:
    return Controller(
        id=ControllerId(row.id),
        network=NetworkId(row.network_id),
        site=SiteId(row.site_id),
        name=row.name,
        kid=row.kid,
        public_key=row.public_key,
        sealed_controller_key=row.sealed_controller_key,
        software=row.software,
        epoch=row.epoch,
        version=row.version,
        set_hash=row.set_hash,
        confirmed_at=row.confirmed_at,
        paired_at=row.paired_at,
        last_contact_at=row.last_contact_at,
        retired_at=row.retired_at,
        hello=_hello(row),
        modes_counter=row.modes_counter,
        modes_confirmed=row.modes_confirmed,
        canary=row.canary,
        software_since=row.software_since,
    )


def _hello(row: Row[Any]) -> HelloKept | None:
    if row.hello_at is None:
        return None
    offset = timedelta(microseconds=row.hello_offset_us)
    return HelloKept(row.hello_at, row.hello_boot, row.hello_journal, row.hello_sequence, row.hello_nonce, offset)
