"""Opening tasks, taking them, and getting them done."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from aldaba_cloud import audit
from aldaba_cloud.auth import store as accounts
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.tasks import store
from aldaba_cloud.tasks.models import LinkUnusable, Task, TaskId, TaskKind, is_ours
from aldaba_shared.ids import SiteId


@dataclass(frozen=True, slots=True)
class NewTask:
    """What is to be done; `key` says what it is about, and nothing is opened about the same thing twice."""

    site: SiteId
    kind: TaskKind = TaskKind.OWN
    title: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    due: date | None = None
    link: str = ""
    key: str = ""
    owner: str | None = None


def open_task(work: Work, wanted: NewTask) -> Task:
    """Open a task, in the transaction of whatever made it necessary; the one that is known of it comes back.

    A task that was done stays done: the key of something that happens again
    carries when it happened.

    Raises:
        LinkUnusable: its link leads elsewhere.
    """
    if not is_ours(wanted.link):
        raise LinkUnusable(wanted.link)
    known = store.task_about(work, wanted.key) if wanted.key else None
    if known is not None:
        return known
    name = TaskId(work.new_id("tsk"))
    made = Task(
        id=name,
        kind=wanted.kind,
        site=wanted.site,
        opened_at=work.now,
        title=wanted.title,
        facts=dict(wanted.facts),
        owner=wanted.owner,
        due=wanted.due,
        link=wanted.link,
        key=wanted.key or name,
    )
    store.add_task(work, made)
    audit.note(work, made.site, "task_opened", made.id, kind=made.kind)
    return made


def give(work: Work, task: TaskId, owner: str | None) -> Task:
    """Say whose task it is; None is nobody's.

    Raises:
        Missing: no such task, or no such account.
    """
    if owner is not None and accounts.find_account(work, owner) is None:
        raise Missing("account", owner)
    return _changed(work, replace(_found(work, task), owner=owner), "task_given")


def finish(work: Work, task: TaskId) -> Task:
    """Note that it is done; who did it first stays."""
    found = _found(work, task)
    if found.done_at is not None:
        return found
    return _changed(work, replace(found, done_at=work.now, done_by=work.actor), "task_done")


def reopen(work: Work, task: TaskId) -> Task:
    """It was not done after all."""
    return _changed(work, replace(_found(work, task), done_at=None, done_by=""), "task_reopened")


def settle(work: Work, key: str) -> None:
    """What a task was about has settled itself, such as a debt that was paid; a task that is not there is no error."""
    known = store.task_about(work, key)
    if known is not None and known.done_at is None:
        finish(work, known.id)


def _found(work: Work, task: TaskId) -> Task:
    found = store.find_task(work, task)
    if found is None:
        raise Missing("task", task)
    return found


def _changed(work: Work, task: Task, action: str) -> Task:
    if not store.save_task(work, task):
        raise Missing("task", task.id)
    audit.note(work, task.site, action, task.id, owner=task.owner)
    return task
