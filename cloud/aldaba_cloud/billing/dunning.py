"""From a debt to the doors: a pure table of steps, and until when doors open.

D is the due date, or the day a debit came back if later. D+3 a mail, D+7 a mail
and a task, D+8 at 00:00 local the contract is limited: with the seven days of
grace a debt due on 5 November whose debit came back on the 9th is limited from
17 November 00:00. Offices and dedicated desks get a task for a person instead,
never a lock-out by itself, unless an admin signed that. What is on its way or
not yet due counts as good. Each step runs once for an invoice; all stop when it
is paid. A promise moves D to its day.
"""

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from aldaba_cloud.billing.models import SETTLED_OR_COMING, Invoice
from aldaba_cloud.members.models import PlanKind

GRACE_DAYS: Final = 7
NEVER_ALONE: Final = frozenset({PlanKind.OFFICE, PlanKind.FIXED})
"""What nobody is shut out of without a person having decided it."""


class Step(StrEnum):
    """What is done about a debt, in this order."""

    REMIND = "remind"
    WARN = "warn"
    LIMIT = "limit"
    ASK_PERSON = "ask_person"


STEPS: Final = ((3, Step.REMIND), (7, Step.WARN), (GRACE_DAYS + 1, Step.LIMIT))
"""Days after D on which a step is due."""


def task_key(invoice: str, step: Step) -> str:
    """What the task of a step is about, so that it can be found again when the debt is paid."""
    return f"{step} {invoice}"


def debt_day(invoice: Invoice, promised: date | None = None) -> date:
    """D of an invoice; a promise moves it later, never earlier."""
    return max(invoice.debt_known_on, promised or invoice.debt_known_on)


def steps_due(
    invoice: Invoice, today: date, *, locks: bool, done: Collection[str] = (), promised: date | None = None
) -> list[Step]:
    """The steps that are due on a local day and were not done, in their order."""
    if invoice.state in SETTLED_OR_COMING or invoice.open_cents <= 0:
        return []
    late = (today - debt_day(invoice, promised)).days
    due = [step if locks or step is not Step.LIMIT else Step.ASK_PERSON for days, step in STEPS if late >= days]
    return [step for step in due if step not in done]


def may_lock(kind: PlanKind, *, locks_offices: bool) -> bool:
    """Whether a debt may limit a contract of this kind without a person."""
    return locks_offices or kind not in NEVER_ALONE


def doors_due(
    debts: Iterable[Invoice], billed_through: date | None, promised: dict[str, date], days: int
) -> date | None:
    """The `paid_until` of a contract: the day its earliest debt is known, or when the next invoice will be due.

    Rights end by themselves so many days of grace after it, on doors that hear
    nothing too; they move on with every payment.
    """
    known = [debt_day(one, promised.get(one.id)) for one in debts if one.state not in SETTLED_OR_COMING]
    if known:
        return min(known)
    return billed_through + timedelta(days=1 + days) if billed_through is not None else None
