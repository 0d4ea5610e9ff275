"""A space that invoices: an issuer, plans with prices, and contracts as a test wants them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from aldaba_cloud.billing import store as billing
from aldaba_cloud.billing.models import Issuer
from aldaba_cloud.db import Work
from aldaba_cloud.members import store as members
from aldaba_cloud.members import terms_store as terms
from aldaba_cloud.members.models import Contract, Holder, HolderKind, Plan, PlanKind
from aldaba_cloud.members.terms import (
    Address,
    BillTo,
    Discount,
    Extra,
    PayBy,
    PaymentTerms,
    Period,
    PlanVersion,
    Spell,
    TaxIdKind,
)
from aldaba_shared.ids import ContractId, HolderId
from tests.cloud.conftest import BARCELONA

ISSUER = Issuer(
    "iss_1",
    BARCELONA,
    "Aldaba Coworking SL",
    "B12345674",
    Address("Carrer de Pujades 77", "08005", "Barcelona"),
    "BCN",
    mail="facturas@example.org",
    iban="ES9121000418450200051332",
    creditor_id="ES11000B12345674",
    live=True,
)
PRICES = {"flex": 23000, "odd": 22999, "year": 240000, "day": 2500}


@dataclass(frozen=True)
class BilledSpace:
    """Plans by name, at one site; contracts are numbered as they are made."""

    work: Work

    def build(self, issuer: Issuer = ISSUER) -> None:
        billing.add_issuer(self.work, issuer)
        for name, price in PRICES.items():
            kind = PlanKind.DAY_PASS if name == "day" else PlanKind.HOT_DESK
            members.add_plan(self.work, Plan(name, name.title(), kind, BARCELONA))
            period = {"year": Period.YEAR, "day": Period.ONCE}.get(name, Period.MONTH)
            version = PlanVersion(f"{name}-1", name, 1, price, period, gross=name == "day", site=BARCELONA)
            terms.add_plan_version(self.work, version)

    def join(
        self,
        name: str,
        plan: str = "flex",
        *,
        starts_on: date = date(2026, 12, 1),
        tax_id: str = "12345678Z",
        payment: PaymentTerms = PaymentTerms(),  # noqa: B008 -- frozen
        extras: Sequence[Extra] = (),
        discounts: Sequence[Discount] = (),
        kind: PlanKind | None = None,
    ) -> Contract:
        """Somebody joins under a plan's first version; who has a tax number gets whole invoices."""
        holder, stamp = HolderId(f"h-{name}"), BARCELONA
        members.add_holders(self.work, [Holder(holder, HolderKind.MEMBER, name.title(), site=stamp)])
        if kind is not None:
            members.add_plan(self.work, Plan(f"{plan}-{kind}", plan.title(), kind, stamp))
        contract = Contract(
            ContractId(f"k-{name}"), f"{plan}-{kind}" if kind else plan, (holder,), starts_on, payer=holder, site=stamp
        )
        members.add_contracts(self.work, [contract])
        terms.add_spells(self.work, [Spell(contract.id, f"{plan}-1", starts_on)], stamp)
        terms.save_terms(self.work, contract.id, payment, stamp)
        if tax_id:
            address = Address("Gran Via 1", "08010", "Barcelona")
            told = BillTo(
                holder, f"{name.title()} Puig", TaxIdKind.NIF, tax_id, address, f"{name}@example.org", site=stamp
            )
            terms.save_bill_to(self.work, [told])
        for extra in extras:
            terms.add_extra(self.work, replace(extra, contract=contract.id, site=stamp))
        for discount in discounts:
            terms.add_discount(self.work, replace(discount, contract=contract.id), stamp)
        return contract


DEBIT = PaymentTerms(PayBy.DIRECT_DEBIT, days=4)
