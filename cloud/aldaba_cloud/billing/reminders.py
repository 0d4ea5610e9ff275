"""Working the debts off: each day's steps, each once, until they are paid."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from aldaba_cloud import audit, outbox
from aldaba_cloud.billing import payment_store, payments, store
from aldaba_cloud.billing.dunning import Step, debt_day, steps_due, task_key
from aldaba_cloud.billing.models import Invoice
from aldaba_cloud.billing.nightly import audit_by_night
from aldaba_cloud.billing.service import today_at
from aldaba_cloud.db import Work
from aldaba_cloud.money import amount
from aldaba_cloud.places import store as places
from aldaba_cloud.tasks import service as tasks
from aldaba_cloud.tasks.models import TaskKind
from aldaba_cloud.tasks.service import NewTask
from aldaba_shared.ids import SiteId

MAIL_DUE = "mail.due"
TASKS: Final = {Step.WARN: TaskKind.DEBT, Step.ASK_PERSON: TaskKind.DEBT_DECISION}
"""Steps that ask a person to do something."""


@dataclass(frozen=True, slots=True)
class Debt:
    """An open invoice on the board: since when it is known, what was done, and what comes."""

    invoice: Invoice
    known_on: date
    promised: date | None
    done: tuple[str, ...]
    due: tuple[Step, ...]


def board(work: Work, today: date, site: SiteId | None = None) -> list[Debt]:
    """Every invoice that is owed and late, the oldest debt first."""
    done, promised = payment_store.steps_done(work), payment_store.promises_by_invoice(work)
    found = []
    for one in store.open_invoices(work):
        until = promised.get(one.id)
        elsewhere = site is not None and one.site != site
        if elsewhere or debt_day(one, until) >= today or one.open_cents <= 0:
            continue
        alone = payments.locked_out_alone(work, one)
        due = steps_due(one, today, locks=alone, done=done.get(one.id, ()), promised=until)
        found.append(Debt(one, debt_day(one, until), until, tuple(sorted(done.get(one.id, ()))), tuple(due)))
    return sorted(found, key=lambda debt: (debt.known_on, debt.invoice.number))


def remind(work: Work, site: SiteId, today: date | None = None) -> list[tuple[str, Step]]:
    """Do what is due at a site on its local day; run again it does nothing more."""
    today, taken = today or today_at(work, site), []
    for debt in board(work, today, site):
        for step in debt.due:
            if payment_store.note_step(work, debt.invoice.site, debt.invoice.id, step, today):
                _take(work, debt.invoice, step, today)
                taken.append((debt.invoice.number, step))
    return taken


def look_after_money(work: Work) -> None:
    """What the service does about a network's money by itself: each site's reminders, and the audit of the night."""
    for site in places.list_sites(work):
        remind(work, site.id)
    audit_by_night(work)


def _take(work: Work, invoice: Invoice, step: Step, today: date) -> None:
    body = {"party": invoice.party, "number": invoice.number, "open_cents": invoice.open_cents, "step": step.value}
    if step in {Step.REMIND, Step.WARN}:
        outbox.tell(work, invoice.site, MAIL_DUE, invoice.id, body)
    if step in TASKS:
        facts = {"number": invoice.number, "open": f"{amount(invoice.open_cents)} EUR"}
        about = NewTask(
            invoice.site, TASKS[step], facts=facts, due=today, link="/money/debts", key=task_key(invoice.id, step)
        )
        tasks.open_task(work, about)
    if step is Step.LIMIT:
        payments.limit(work, invoice)
    audit.note(work, invoice.site, "debt_reminded", invoice.id, step=step.value)
