"""The SQL of tasks."""

from typing import Any

from sqlalchemy import JSON, Column, Date, Row, String, UniqueConstraint, insert, select, update

from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_cloud.tasks.models import Task, TaskId, TaskKind
from aldaba_shared.ids import SiteId

tasks = scoped_table(
    "tasks",
    Column("id", String(40), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("title", String(200), nullable=False),
    Column("facts", JSON, nullable=False),
    Column("owner_id", String(40), nullable=True),
    Column("due", Date, nullable=True),
    Column("link", String(200), nullable=False),
    Column("about", String(120), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime, nullable=True, index=True),
    Column("done_by", String(60), nullable=False),
    UniqueConstraint("network_id", "about"),
)


def add_task(work: Work, one: Task) -> None:
    """Keep a task."""
    row = {"id": one.id, "kind": one.kind, "facts": dict(one.facts), "about": one.key, "opened_at": one.opened_at}
    work.db.execute(insert(tasks), row | _values(one) | work.stamp(one.site))


def save_task(work: Work, one: Task) -> bool:
    """Write what may change about a task; False if the caller sees no such task."""
    mine = (tasks.c.id == one.id) & work.writable(tasks)
    return work.db.execute(update(tasks).where(mine).values(_values(one))).rowcount > 0


def find_task(work: Work, task: TaskId) -> Task | None:
    """One task, if the caller may see it."""
    row = work.db.execute(select(tasks).where(tasks.c.id == task, work.visible(tasks))).first()
    return _task(row) if row else None


def task_about(work: Work, key: str) -> Task | None:
    """The task that was opened about this, done or not."""
    row = work.db.execute(select(tasks).where(tasks.c.about == key, work.visible(tasks))).first()
    return _task(row) if row else None


def open_tasks(work: Work, site: SiteId | None = None) -> list[Task]:
    """What is still to be done: what is due first, then what has no day, oldest first."""
    found = select(tasks).where(tasks.c.done_at.is_(None), work.visible(tasks))
    if site is not None:
        found = found.where(tasks.c.site_id == site)
    rows = work.db.execute(found.order_by(tasks.c.due.is_(None), tasks.c.due, tasks.c.opened_at, tasks.c.id))
    return [_task(row) for row in rows]


def done_tasks(work: Work, site: SiteId | None = None, limit: int = 50) -> list[Task]:
    """What was done lately, the newest first."""
    found = select(tasks).where(tasks.c.done_at.is_not(None), work.visible(tasks))
    if site is not None:
        found = found.where(tasks.c.site_id == site)
    rows = work.db.execute(found.order_by(tasks.c.done_at.desc(), tasks.c.id).limit(limit))
    return [_task(row) for row in rows]


def _values(one: Task) -> dict[str, Any]:
    return {
        "title": one.title,
        "owner_id": one.owner,
        "due": one.due,
        "link": one.link,
        "done_at": one.done_at,
        "done_by": one.done_by,
    }


def _task(row: Row[Any]) -> Task:
    return Task(
        id=TaskId(row.id),
        kind=TaskKind(row.kind),
        site=SiteId(row.site_id),
        opened_at=row.opened_at,
        title=row.title,
        facts=row.facts,
        owner=row.owner_id,
        due=row.due,
        link=row.link,
        key=row.about,
        done_at=row.done_at,
        done_by=row.done_by,
    )
