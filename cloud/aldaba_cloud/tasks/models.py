"""A task, without a database: what is to be done, by whom, until when, and where to look.

A domain that notices something opens a task of a kind, with facts; the page
words it in the reader's language. What somebody wrote by hand has a title of its
own. The `key` says what the task is about, so that whoever notices the same
thing again opens nothing new.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NewType

from aldaba_cloud.errors import Unusable
from aldaba_shared.ids import SiteId

TaskId = NewType("TaskId", str)


class TaskKind(StrEnum):
    """What a task is about; `own` is what somebody wrote themselves."""

    OWN = "own"
    DEBT = "debt"
    DEBT_DECISION = "debt_decision"
    RESOLD = "resold"
    NOTICE = "notice"
    EXTRA_BACK = "extra_back"
    TRIAL = "trial"
    PARCEL = "parcel"


TITLES: Final[Mapping[TaskKind, str]] = MappingProxyType(
    {
        TaskKind.DEBT: "Call about invoice %(number)s: %(open)s open",
        TaskKind.DEBT_DECISION: "Decide about the doors of whoever owes invoice %(number)s: %(open)s open",
        TaskKind.RESOLD: "Talk to %(who)s, who came although the hour was given to somebody else: %(what)s",
        TaskKind.NOTICE: "%(who)s leaves on %(day)s: say goodbye, get back what is ours",
        TaskKind.EXTRA_BACK: "Get back from %(who)s: %(what)s",
        TaskKind.TRIAL: "Ask %(who)s how the trial day was",
        TaskKind.PARCEL: "%(what)s for %(who)s: %(request)s",
    }
)
"""The title of each kind in English, with its facts as fields."""


class LinkUnusable(Unusable):
    """A task's link leads out of the service."""

    def __init__(self, link: str) -> None:
        super().__init__(f"A task leads to a page of this service, such as /tasks; {link!r} does not.")


@dataclass(frozen=True, slots=True)
class Task:
    """Something to be done. `owner` is nobody until somebody takes it; `due` is a local day; `link` is a path."""

    id: TaskId
    kind: TaskKind
    site: SiteId
    opened_at: datetime
    title: str = ""
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    owner: str | None = None
    due: date | None = None
    link: str = ""
    key: str = ""
    done_at: datetime | None = None
    done_by: str = ""

    @property
    def told(self) -> str:
        """What it says, in English."""
        return self.title or TITLES[self.kind] % self.facts


def is_ours(link: str) -> bool:
    """Whether a link is empty or a path of this service: no other host, and no script."""
    return not link or (link.startswith("/") and not link.startswith(("//", "/\\")))
