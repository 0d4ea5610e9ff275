"""Tasks over the API, for those who run the space."""

from datetime import date
from typing import Self

from fastapi import APIRouter, status
from pydantic import AwareDatetime, BaseModel, Field

from aldaba_cloud.api.editions import ChangingDep, ReadingDep
from aldaba_cloud.api.paging import PageAsked
from aldaba_cloud.db import Work
from aldaba_cloud.deps import CurrentOperator, OneTurn
from aldaba_cloud.errors import Missing
from aldaba_cloud.tasks import service, store
from aldaba_cloud.tasks.models import Task, TaskId, TaskKind
from aldaba_shared.ids import SiteId

router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"], route_class=OneTurn)


class TaskIn(BaseModel):
    """A task of one's own."""

    site: str
    title: str = Field(min_length=1, max_length=200, examples=["Water the plants"])
    due: date | None = None
    link: str = Field("", max_length=200, description="A page of this service.", examples=["/admin/members"])
    owner: str | None = Field(None, max_length=40)


class OwnerIn(BaseModel):
    """Whose task it is; null is nobody's."""

    owner: str | None = Field(max_length=40)


class TaskOut(BaseModel):
    """A task; `title` is in English where a domain opened it."""

    id: str
    kind: TaskKind
    title: str
    facts: dict[str, str]
    site: str
    owner: str | None
    due: date | None
    link: str
    opened_at: AwareDatetime
    done_at: AwareDatetime | None
    done_by: str

    @classmethod
    def of(cls, one: Task) -> Self:
        """What the API says of a task."""
        return cls(
            id=one.id,
            kind=one.kind,
            title=one.told,
            facts=dict(one.facts),
            site=one.site,
            owner=one.owner,
            due=one.due,
            link=one.link,
            opened_at=one.opened_at,
            done_at=one.done_at,
            done_by=one.done_by,
        )


@router.get("")
def list_tasks(caller: CurrentOperator, page: PageAsked, *, done: bool = False, site: str = "") -> list[TaskOut]:
    """List what is to be done, or what was done lately."""
    ask, order = (store.done_tasks, _newest_first) if done else (store.open_tasks, _due_first)
    return [TaskOut.of(one) for one in page.cut(ask(caller.work, SiteId(site) if site else None), order)]


def _due_first(one: Task) -> tuple[str | int, ...]:
    """What is due first, then what has no day, oldest first."""
    return (one.due or date.max).isoformat(), one.opened_at.isoformat(), one.id


def _newest_first(one: Task) -> tuple[str | int, ...]:
    return -round((one.done_at or one.opened_at).timestamp() * 1e6), one.id


@router.post("", status_code=status.HTTP_201_CREATED)
def open_task(wanted: TaskIn, caller: CurrentOperator) -> TaskOut:
    """Open a task."""
    owner = wanted.owner or None
    new = service.NewTask(SiteId(wanted.site), title=wanted.title, due=wanted.due, link=wanted.link, owner=owner)
    return TaskOut.of(service.open_task(caller.work, new))


@router.get("/{task_id}")
def find_task(task_id: str, caller: CurrentOperator, reading: ReadingDep) -> TaskOut:
    """Show one task."""
    return reading.show(TaskOut.of(_known(caller.work, TaskId(task_id))))


def _known(work: Work, task: TaskId) -> Task:
    found = store.find_task(work, task)
    if found is None:
        raise Missing("task", task)
    return found


@router.put("/{task_id}/owner")
def give_task(task_id: str, wanted: OwnerIn, caller: CurrentOperator, changing: ChangingDep) -> TaskOut:
    """Give a task to somebody."""
    name = TaskId(task_id)
    changing.check(caller.work, (store.tasks, store.tasks.c.id == name), lambda: TaskOut.of(_known(caller.work, name)))
    return changing.done(TaskOut.of(service.give(caller.work, name, wanted.owner or None)))


@router.post("/{task_id}/finish")
def finish_task(task_id: str, caller: CurrentOperator) -> TaskOut:
    """Finish a task."""
    return TaskOut.of(service.finish(caller.work, TaskId(task_id)))


@router.post("/{task_id}/reopen")
def reopen_task(task_id: str, caller: CurrentOperator) -> TaskOut:
    """Reopen a task."""
    return TaskOut.of(service.reopen(caller.work, TaskId(task_id)))
