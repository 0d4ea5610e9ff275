"""SEPA direct debits: on which day, of whom, and the file (pain.008.001.08).

sepaxml writes the file; we check what it does not: the mandate is alive (36
months without use end it), the IBAN is one, an address is structured or hybrid
(lines alone are refused since 15 November 2026), and the day is one on which
TARGET settles. RCUR from the first collection on, OOFF for what was signed for
once. The whole file is validated once against the schema that sepaxml ships.
"""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Final

import holidays
from lxml import etree
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException
from sepaxml import SepaDD
from stdnum.iso7064 import mod_97_10

from aldaba_cloud.billing.models import DebitItem, Issuer, Mandate
from aldaba_cloud.errors import Unusable
from aldaba_cloud.members.terms import Address, BillTo

SCHEMA: Final = "pain.008.001.08"
DEAD_AFTER_MONTHS: Final = 36
NOTICE_DAYS: Final = 14
"""How long before it a debit is announced, unless the terms agreed to a day of their own (EPC016-06, 4.1)."""
MONTHS: Final = 12
SATURDAY: Final = 5


class FileRefused(Unusable):
    """The file that was made is not what banks take."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The debit file does not keep {SCHEMA}: {why}. Nothing was collected; correct that and try again."
        )


@dataclass(frozen=True, slots=True)
class Debit:
    """One collection: whose, under which mandate, how much, for which invoice."""

    item: DebitItem
    mandate: Mandate
    buyer: BillTo
    number: str


def settlement_day(day: date) -> date:
    """The first day from this one on which TARGET settles.

    >>> settlement_day(date(2027, 3, 26))
    datetime.date(2027, 3, 30)
    """
    while day.weekday() >= SATURDAY or day in _target_holidays(day.year):
        day += timedelta(days=1)
    return day


def why_not(mandate: Mandate | None, address: Address, collect_on: date) -> str | None:
    """Why somebody cannot be debited on a day, in words for the list of problems; None if they can."""
    if mandate is None:
        return "There is no signed mandate. Ask for one, or change how the contract pays."
    if mandate.one_off and mandate.last_used_on is not None:
        return f"The mandate {mandate.reference} was for one collection and was used. Have a new one signed."
    if collect_on >= dead_on(mandate):
        return f"The mandate {mandate.reference} was not used for {DEAD_AFTER_MONTHS} months. Have a new one signed."
    if not iban_holds(mandate.iban):
        return f"The account of the mandate {mandate.reference} is no IBAN. Correct it."
    if address.street and not (address.city and address.country):
        return "The address has no town or country; banks refuse lines alone since 15 November 2026."
    return None


def dead_on(mandate: Mandate) -> date:
    """The day from which a mandate that was not used again is dead."""
    used = mandate.last_used_on or mandate.signed_on
    months = used.year * MONTHS + used.month - 1 + DEAD_AFTER_MONTHS
    year, month = months // MONTHS, months % MONTHS + 1
    return date(year, month, min(used.day, monthrange(year, month)[1]))


def iban_holds(iban: str) -> bool:
    """Whether this is an account number with its check digits right."""
    try:
        IBAN(iban)
    except SchwiftyException:
        return False
    return True


def creditor_id(nif: str, suffix: str = "000") -> str:
    """The identifier under which a Spanish creditor collects (EPC262-08, AT-02).

    >>> creditor_id("B12345674", "000")
    'ES11000B12345674'
    """
    check = mod_97_10.calc_check_digits(f"{nif}ES")
    return f"ES{check}{suffix}{nif}"


def debit_file(issuer: Issuer, debits: Sequence[Debit], collect_on: date) -> bytes:
    """The file of these collections on a day, valid against its schema; its control sum is that of the invoices."""
    config = {"name": issuer.legal_name, "IBAN": issuer.iban, "batch": True, "currency": "EUR"}
    made = SepaDD(config | {"creditor_id": issuer.creditor_id}, schema=SCHEMA, clean=True)
    for one in debits:
        made.add_payment(_payment(one, collect_on))
    xml: bytes = made.export(validate=False)
    schema = _schema()
    if not schema.validate(etree.fromstring(xml)):
        raise FileRefused(str(schema.error_log))
    return xml


def control_cents(xml: bytes) -> int:
    """The control sum of a file, in cents."""
    found = etree.fromstring(xml).findtext(".//{*}GrpHdr/{*}CtrlSum") or "0"
    whole, _, rest = found.partition(".")
    return int(whole) * 100 + int(f"{rest}00"[:2])


def total(items: Iterable[DebitItem]) -> int:
    """What a file collects, in cents."""
    return sum(one.cents for one in items)


def _payment(one: Debit, collect_on: date) -> dict[str, object]:
    payment: dict[str, object] = {
        "name": one.buyer.name,
        "IBAN": one.mandate.iban,
        "amount": one.item.cents,
        "type": "OOFF" if one.mandate.one_off else "RCUR",
        "collection_date": collect_on,
        "mandate_id": one.mandate.reference,
        "mandate_date": one.mandate.signed_on,
        "description": one.number,
        "endtoend_id": one.item.end_to_end,
    }
    address = one.buyer.address
    if address.city:
        told = {"street_name": address.street, "postcode": address.postcode, "town": address.city}
        payment["address"] = told | {"country": address.country}
    return payment


@lru_cache(maxsize=1)
def _schema() -> etree.XMLSchema:
    """The schema, read once; to read it takes longer than to use it."""
    path = files("sepaxml") / "schemas" / f"{SCHEMA}.xsd"
    return etree.XMLSchema(etree.fromstring(path.read_bytes()))


@lru_cache(maxsize=16)
def _target_holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.financial_holidays("XECB", years=[year]))
