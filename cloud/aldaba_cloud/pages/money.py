"""Money for those who look after it: invoices, a month's run, debts, and money of which nobody knows what it is for."""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from aldaba_cloud.billing import month_run, payment_store, payments, reminders, service, store
from aldaba_cloud.billing.dunning import Step
from aldaba_cloud.billing.models import Invoice, InvoiceState, Payment
from aldaba_cloud.db import Work
from aldaba_cloud.deps import CurrentAccountant
from aldaba_cloud.errors import Missing
from aldaba_cloud.i18n import euros
from aldaba_cloud.members import store as members
from aldaba_cloud.pages.i18n import mark
from aldaba_cloud.pages.kit import PageDep
from aldaba_cloud.pages.problems import told
from aldaba_cloud.pages.reading import site_wanted
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import HolderId

router = APIRouter(prefix="/money", include_in_schema=False)

STATES: Final[Mapping[InvoiceState, str]] = {
    InvoiceState.DRAFT: mark("draft"),
    InvoiceState.FINAL: mark("to be paid"),
    InvoiceState.COLLECTING: mark("being collected"),
    InvoiceState.PAID: mark("paid"),
    InvoiceState.RETURNED: mark("came back"),
}
TONES: Final = {InvoiceState.PAID: "good", InvoiceState.RETURNED: "bad", InvoiceState.COLLECTING: "plain"}
STEPS: Final[Mapping[Step, str]] = {
    Step.REMIND: mark("first mail"),
    Step.WARN: mark("second mail and a task"),
    Step.LIMIT: mark("doors shut"),
    Step.ASK_PERSON: mark("somebody must decide"),
}


@router.get("")
def list_invoices(caller: CurrentAccountant, page: PageDep) -> Response:
    """The newest invoices, what the last audit found, and what waits."""
    return page.show(
        "invoices.html",
        lines=store.newest_invoices(caller.work),
        audit=payment_store.last_audit(caller.work),
        unmatched=len(payment_store.unmatched(caller.work)),
        states=STATES,
        tones=TONES,
        euros=euros,
    )


@router.get("/run")
def show_run(caller: CurrentAccountant, page: PageDep, site: str = "", month: str = "") -> Response:
    """What a month's run would make, and what differs from the month before."""
    where = site_wanted(caller.work, site)
    wanted = _month(month) or service.today_at(caller.work, where.id).replace(day=1)
    try:
        run = month_run.preview(caller.work, where.id, wanted)
    except AldabaError as error:
        return page.show(
            "invoice_run.html", status=HTTPStatus.OK, site=where, month=wanted, run=None, wrong=told(page, error)
        )
    differences = month_run.against_last_month(caller.work, run)
    return page.show(
        "invoice_run.html",
        site=where,
        month=wanted,
        run=run,
        ready=sum(bool(one.lines) for one in run.proposed),
        differences=differences,
        names=_names(caller.work, [*(one.party for one in differences), *(one.party for one in run.problems)]),
        euros=euros,
        wrong="",
    )


@router.post("/run")
def make_run(caller: CurrentAccountant, site: Annotated[str, Form()], month: Annotated[str, Form()]) -> Response:
    """Make the invoices of a month; what is billed already is not billed again."""
    where = site_wanted(caller.work, site)
    wanted, today = _month(month), service.today_at(caller.work, where.id)
    month_run.invoice_month(caller.work, where.id, wanted or today.replace(day=1), today)
    payments.follow_run(caller.work, where.id)
    return RedirectResponse("/money", HTTPStatus.SEE_OTHER)


@router.get("/debts")
def list_debts(caller: CurrentAccountant, page: PageDep, site: str = "") -> Response:
    """Whoever owes, since when, and what was done about it."""
    where = site_wanted(caller.work, site).id
    debts = reminders.board(caller.work, service.today_at(caller.work, where), where)
    names = _names(caller.work, [one.invoice.party for one in debts])
    return page.show("debts.html", debts=debts, names=names, steps=STEPS, euros=euros)


@router.post("/debts/{invoice}/promise")
def promise(invoice: str, caller: CurrentAccountant, until: Annotated[date, Form()]) -> Response:
    """Note until when somebody promised to pay; their doors open until then."""
    payments.promise(caller.work, invoice, until)
    return RedirectResponse("/money/debts", HTTPStatus.SEE_OTHER)


@router.get("/unmatched")
def list_unmatched(caller: CurrentAccountant, page: PageDep) -> Response:
    """Money that arrived and that nobody could match, beside what is open."""
    waiting = payment_store.unmatched(caller.work)
    return page.show("unmatched.html", waiting=waiting, open=store.open_invoices(caller.work), euros=euros)


@router.post("/unmatched/{payment}")
def match(payment: str, caller: CurrentAccountant, number: Annotated[str, Form()]) -> Response:
    """Say which invoice some money is for."""
    head = store.find_by_number(caller.work, number.strip())
    if head is None:
        raise Missing("invoice", number)
    payments.match(caller.work, payment, head.id)
    return RedirectResponse("/money/unmatched", HTTPStatus.SEE_OTHER)


@router.get("/invoices/{invoice}")
def show_invoice(invoice: str, caller: CurrentAccountant, page: PageDep) -> Response:
    """One invoice with its lines, its payments and its files."""
    whole = store.whole_invoice(caller.work, invoice)
    if whole is None:
        raise Missing("invoice", invoice)
    arrived = payment_store.payments_of(caller.work, invoice)
    return page.show("invoice.html", whole=whole, arrived=arrived, states=STATES, tones=TONES, euros=euros)


@router.post("/invoices/{invoice}/paid")
def pay(invoice: str, caller: CurrentAccountant, source: Annotated[str, Form()]) -> Response:
    """Note that what is open was paid by transfer, in cash or at the terminal."""
    head = store.find_invoice(caller.work, invoice, locked=True)
    if head is None:
        raise Missing("invoice", invoice)
    payments.take_payment(caller.work, _whole_payment(caller.work, head, source))
    return RedirectResponse(f"/money/invoices/{invoice}", HTTPStatus.SEE_OTHER)


def _whole_payment(work: Work, head: Invoice, source: str) -> Payment:
    named = source if source in {"transfer", "cash", "card_terminal"} else "transfer"
    day, key = service.today_at(work, head.site), work.new_id("pay")
    return Payment(key, head.site, named, key, head.open_cents, day, invoice=head.id)


def _names(work: Work, parties: list[str]) -> dict[str, str]:
    found = members.holders_by_id(work, [HolderId(one) for one in parties])
    return {party: found[HolderId(party)].name if HolderId(party) in found else party for party in parties}


def _month(wanted: str) -> date | None:
    try:
        return date.fromisoformat(f"{wanted}-01")
    except ValueError:
        return None
