"""What becomes known of the money of an invoice, and how its contracts stand after it.

Every piece of news moves the invoice by its table, writes the ledger and lets
the standing of each contract on it follow, in one transaction. Doors hear of it
through the outbox (`rights.changed`), and end rights by themselves if they do not.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from aldaba_cloud import audit, outbox
from aldaba_cloud.billing import ledger_store, payment_store, store
from aldaba_cloud.billing.dunning import Step, doors_due, may_lock, task_key
from aldaba_cloud.billing.models import Invoice, InvoiceState, MoneyNews, Payment, after
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.members import service as members
from aldaba_cloud.members import store as members_store
from aldaba_cloud.members import terms_store
from aldaba_cloud.members.models import Contract, PlanKind, Standing
from aldaba_cloud.members.states import STANDINGS, DebtNews
from aldaba_cloud.members.terms import PayBy
from aldaba_cloud.tasks import service as tasks
from aldaba_shared.ids import ContractId, SiteId

IN_HAND: Final = frozenset({PayBy.CASH.value, PayBy.CARD_TERMINAL.value})
"""Sources of money that no returned debit takes along."""


class TooMuch(Unusable):
    """More was told to be paid than is owed."""

    def __init__(self, number: str, open_cents: int) -> None:
        super().__init__(f"The invoice {number} has {open_cents / 100:.2f} left to pay. Take that, or split the money.")


def take_payment(work: Work, payment: Payment) -> Payment:
    """Keep money that arrived, once, and use it for the invoice it names; without one it waits unmatched."""
    if not payment_store.add_payment(work, payment):
        return payment
    if payment.invoice is not None:
        _use(work, payment, payment.invoice)
    return payment


def match(work: Work, payment: str, invoice: str) -> Payment:
    """Say what unmatched money is for."""
    found = payment_store.find_payment(work, payment)
    if found is None or found.invoice is not None:
        raise Missing("unmatched payment", payment)
    matched = replace(found, invoice=invoice)
    _use(work, matched, invoice)
    payment_store.save_payment(work, matched)
    return matched


def collecting(work: Work, invoice: str) -> Invoice:
    """A debit is on its way: the contract stands well until it comes back."""
    head = _locked(work, invoice)
    moved = replace(head, state=after(head.number, head.state, MoneyNews.COLLECT))
    store.save_head(work, moved)
    _follow(work, moved, DebtNews.ALL_PAID)
    return moved


def returned(work: Work, invoice: str, on: date, whose: Sequence[Payment] | None = None) -> Invoice:
    """A debit came back, however late: the invoice is open again and the debt is known from that day.

    What came back are these payments of it, or all that banks brought; what was
    paid in hand stays paid.
    """
    head = _locked(work, invoice)
    left = head.paid_cents
    for one in payment_store.payments_of(work, invoice) if whose is None else whose:
        if one.returned_on is None and one.source not in IN_HAND:
            left -= one.cents
            payment_store.save_payment(work, replace(one, returned_on=on))
            sides = {ledger_store.CUSTOMERS: one.cents, _account(one.source): -one.cents}
            ledger_store.post(work, head.site, f"ret:{one.id}", sides, on=on, party=head.party)
    open_again = InvoiceState.RETURNED
    state = open_again if head.state is open_again else after(head.number, head.state, MoneyNews.RETURN)
    moved = replace(head, state=state, returned_on=max(on, head.returned_on or on), paid_cents=left)
    store.save_head(work, moved)
    audit.note(work, head.site, "debit_returned", head.id, on=on.isoformat())
    _follow(work, moved, DebtNews.DEBT_KNOWN)
    return moved


def promise(work: Work, invoice: str, until: date) -> Invoice:
    """Somebody promised to pay until a day: doors open until then, and grace begins anew."""
    head = _locked(work, invoice)
    payment_store.save_promise(work, head.site, invoice, until)
    audit.note(work, head.site, "payment_promised", head.id, until=until.isoformat())
    _follow(work, head, DebtNews.PROMISED)
    return head


def limit(work: Work, invoice: Invoice) -> list[ContractId]:
    """Limit the contracts of a debt; those of offices and dedicated desks only if an admin signed that."""
    issuer = store.issuer_of(work, invoice.site)
    kinds = {plan.id: plan.kind for plan in members_store.list_plans(work)}
    limited = []
    for contract in _contracts(work, invoice):
        if may_lock(kinds[contract.plan], locks_offices=bool(issuer and issuer.locks_offices)):
            _stand(work, contract, kinds[contract.plan], [DebtNews.DEBT_KNOWN, DebtNews.GRACE_OVER])
            limited.append(contract.id)
    return limited


def locked_out_alone(work: Work, invoice: Invoice) -> bool:
    """Whether a debt would limit every contract on it without a person."""
    issuer = store.issuer_of(work, invoice.site)
    kinds = {plan.id: plan.kind for plan in members_store.list_plans(work)}
    locks = bool(issuer and issuer.locks_offices)
    return all(may_lock(kinds[one.plan], locks_offices=locks) for one in _contracts(work, invoice))


def collect_many(work: Work, invoices: Sequence[str]) -> None:
    """Note that debits are on their way, and let the contracts of those that had come back follow."""
    back = [one for one in invoices if (head := store.find_invoice(work, one)) and head.state is InvoiceState.RETURNED]
    store.set_collecting(work, invoices)
    for one in back:
        _follow(work, _locked(work, one), DebtNews.ALL_PAID)


def follow_run(work: Work, site: SiteId) -> int:
    """Set until when doors open for every contract of a site, from what is owed now; says how many moved.

    What a run does for thousands at once: everything is read in a few queries,
    and only what moved is written.
    """
    issuer = store.issuer_of(work, site)
    kinds = {plan.id: plan.kind for plan in members_store.list_plans(work)}
    owed: dict[ContractId, list[Invoice]] = defaultdict(list)
    on = store.contracts_by_invoice(work)
    for invoice in store.open_invoices(work):
        for contract in on.get(invoice.id, ()):
            owed[contract].append(invoice)
    through, promised = store.all_billed_through(work), payment_store.promises_by_invoice(work)
    days = terms_store.days_by_contract(work)
    moved: list[tuple[Contract, date | None]] = []
    for one in members_store.contracts_of(work):
        if one.site != site or one.id not in through:
            continue
        locks = may_lock(kinds[one.plan], locks_offices=bool(issuer and issuer.locks_offices))
        until = doors_due(owed[one.id], through[one.id], promised, days.get(one.id, 0)) if locks else None
        if until != one.paid_until:
            moved.append((one, until))
    members_store.move_due_dates(work, [(one.id, until) for one, until in moved])
    for one, _ in moved:
        for holder in one.people:
            outbox.tell(work, site, outbox.RIGHTS_CHANGED, holder, {"because": one.id})
    return len(moved)


def refresh(work: Work, contract: ContractId) -> None:
    """Set until when a contract's doors open from what it owes now, as after a run."""
    found = members_store.find_contract(work, contract)
    if found is not None:
        kinds = {plan.id: plan.kind for plan in members_store.list_plans(work)}
        _stand(work, found, kinds[found.plan], [])


def _use(work: Work, payment: Payment, invoice: str) -> None:
    head = _locked(work, invoice)
    if payment.cents > head.open_cents:
        raise TooMuch(head.number, head.open_cents)
    paid = head.paid_cents + payment.cents
    state = after(head.number, head.state, MoneyNews.PAY) if paid == head.total_cents else head.state
    moved = replace(head, paid_cents=paid, state=state)
    store.save_head(work, moved)
    sides = {_account(payment.source): payment.cents, ledger_store.CUSTOMERS: -payment.cents}
    ledger_store.post(work, head.site, f"pay:{payment.id}", sides, on=payment.received_on, party=head.party)
    if state is InvoiceState.PAID:
        _follow(work, moved, DebtNews.ALL_PAID)


def _account(source: str) -> str:
    return ledger_store.CASH if source == PayBy.CASH.value else ledger_store.BANK


def net_credit(work: Work, note: Invoice, invoice: str) -> Invoice:
    """Set a credit note against what is open of its invoice; what is left of it is owed to the payer."""
    head = _locked(work, invoice)
    netted = min(-note.total_cents, head.open_cents)
    if netted <= 0:
        return note
    paid = head.paid_cents + netted
    state = after(head.number, head.state, MoneyNews.PAY) if paid == head.total_cents else head.state
    moved, settled = replace(head, paid_cents=paid, state=state), replace(note, paid_cents=-netted)
    store.save_head(work, moved)
    store.save_head(work, settled)
    if state is InvoiceState.PAID:
        _follow(work, moved, DebtNews.ALL_PAID)
    return settled


def _locked(work: Work, invoice: str) -> Invoice:
    head = store.find_invoice(work, invoice, locked=True)
    if head is None or not head.number:
        raise Missing("final invoice", invoice)
    return head


def _contracts(work: Work, invoice: Invoice) -> list[Contract]:
    found = (members_store.find_contract(work, one) for one in store.contracts_on(work, invoice.id))
    return [one for one in found if one is not None]


def _follow(work: Work, invoice: Invoice, news: DebtNews) -> None:
    """Let the standing of each contract on an invoice follow; another debt of it keeps it where it is."""
    if news is DebtNews.ALL_PAID:
        for step in Step:
            tasks.settle(work, task_key(invoice.id, step))
    kinds = {plan.id: plan.kind for plan in members_store.list_plans(work)}
    for contract in _contracts(work, invoice):
        owed = [one for one in store.open_invoices(work, contract.id) if one.state is InvoiceState.RETURNED]
        _stand(work, contract, kinds[contract.plan], [] if news is DebtNews.ALL_PAID and owed else [news])


def _stand(work: Work, contract: Contract, kind: PlanKind, news: list[DebtNews]) -> None:
    standing: Standing = contract.standing
    for one in news:
        standing = STANDINGS.get((standing, one), standing)
    issuer = store.issuer_of(work, contract.site)
    until = None
    if may_lock(kind, locks_offices=bool(issuer and issuer.locks_offices)):
        days = terms_store.terms_of(work, contract.id).days
        through = store.billed_through(work, contract.id)
        debts = store.open_invoices(work, contract.id)
        until = doors_due(debts, through, payment_store.promises_by_invoice(work), days)
    if (standing, until) == (contract.standing, contract.paid_until):
        return
    members.settle(work, contract.id, standing, until)
    for holder in contract.people:
        outbox.tell(work, contract.site, outbox.RIGHTS_CHANGED, holder, {"because": contract.id})
