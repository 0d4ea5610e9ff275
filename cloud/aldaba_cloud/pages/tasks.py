"""Tasks: what a person has to do, whoever noticed it; somebody takes one, and says that it is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.auth import store as accounts
from aldaba_cloud.auth.models import Role
from aldaba_cloud.deps import CurrentOperator
from aldaba_cloud.pages.i18n import mark
from aldaba_cloud.pages.kit import Page, PageDep
from aldaba_cloud.pages.navigation import menu_of
from aldaba_cloud.pages.reading import site_wanted
from aldaba_cloud.tasks import service, store
from aldaba_cloud.tasks.models import Task, TaskId, TaskKind

router = APIRouter(prefix="/tasks", include_in_schema=False)

AT_THE_DESK: Final = frozenset({Role.OPERATOR, Role.ADMIN, Role.NETWORK_OWNER})
TITLES: Final[Mapping[TaskKind, str]] = {
    TaskKind.DEBT: mark("Call about invoice %(number)s: %(open)s open"),
    TaskKind.DEBT_DECISION: mark("Decide about the doors of whoever owes invoice %(number)s: %(open)s open"),
    TaskKind.RESOLD: mark("Talk to %(who)s, who came although the hour was given to somebody else: %(what)s"),
    TaskKind.NOTICE: mark("%(who)s leaves on %(day)s: say goodbye, get back what is ours"),
    TaskKind.EXTRA_BACK: mark("Get back from %(who)s: %(what)s"),
    TaskKind.TRIAL: mark("Ask %(who)s how the trial day was"),
    TaskKind.PARCEL: mark("%(what)s for %(who)s: %(request)s"),
}
"""The titles of `tasks.models`, for readers of every language."""


@dataclass(frozen=True, slots=True)
class Line:
    """A task in the list; its link is empty for whoever may not open the page."""

    task: Task
    title: str
    link: str


@router.get("")
def list_tasks(caller: CurrentOperator, page: PageDep, *, site: str = "", mine: str = "") -> Response:
    """What is to be done at a site, and what was done lately."""
    where = site_wanted(caller.work, site)
    known = store.open_tasks(caller.work, where.id)
    return page.show(
        "tasks.html",
        site=where,
        zone=ZoneInfo(where.time_zone),
        today=caller.work.now.astimezone(ZoneInfo(where.time_zone)).date(),
        open=[_line(page, one) for one in known if not mine or one.owner == caller.account.id],
        done=[_line(page, one) for one in store.done_tasks(caller.work, where.id, limit=10)],
        names=accounts.names_of_colleagues(caller.work, AT_THE_DESK),
        me=caller.account.id,
        mine=mine,
    )


@router.post("")
def open_task(
    caller: CurrentOperator,
    *,
    site: Annotated[str, Form()],
    title: Annotated[str, Form(min_length=1, max_length=200)],
    due: Annotated[date | None, Form()] = None,
    owner: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Open a task of one's own."""
    where = site_wanted(caller.work, site).id
    service.open_task(caller.work, service.NewTask(where, title=title, due=due, owner=owner or None))
    return _back(where)


@router.post("/{task}/owner")
def give(task: str, caller: CurrentOperator, owner: Annotated[str, Form(max_length=40)] = "") -> Response:
    """Take a task, or give it to a colleague."""
    return _back(service.give(caller.work, TaskId(task), owner or None).site)


@router.post("/{task}/finish")
def finish(task: str, caller: CurrentOperator) -> Response:
    """Say that it is done."""
    return _back(service.finish(caller.work, TaskId(task)).site)


@router.post("/{task}/reopen")
def reopen(task: str, caller: CurrentOperator) -> Response:
    """Say that it is not."""
    return _back(service.reopen(caller.work, TaskId(task)).site)


def _line(page: Page, task: Task) -> Line:
    readable = menu_of(page.roles, task.link.partition("?")[0]).current is not None
    return Line(task, titled(page, task), task.link if readable else "")


def titled(page: Page, task: Task) -> str:
    """What a task says, in the reader's language."""
    return task.title or page.text(TITLES[task.kind]) % task.facts


def _back(site: str) -> Response:
    return RedirectResponse(f"/tasks?site={site}", HTTPStatus.SEE_OTHER)
