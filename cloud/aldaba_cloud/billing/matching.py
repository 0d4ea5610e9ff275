"""What money that arrived is for, as far as it says so itself: pure, and never a guess.

In this order: the reference of one of our debits; the number of one open
invoice in the text; the exact amount of the only open invoice of a payer who is
named so. Whatever is left waits for a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from aldaba_cloud.billing.models import Invoice


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a bank statement; `external_id` names it for good, `returned` says a debit came back."""

    external_id: str
    cents: int
    booked_on: date
    name: str = ""
    iban: str = ""
    text: str = ""
    end_to_end: str = ""
    returned: bool = False


def invoice_for(entry: Entry, owed: Sequence[Invoice], buyers: Mapping[str, str]) -> str | None:
    """The invoice some money is for; None if that is not certain. `buyers` are names by invoice."""
    said = squeezed(entry.text)
    named = [one for one in owed if squeezed(one.number) in said]
    if len(named) == 1 and entry.cents <= named[0].open_cents:
        return named[0].id
    payer = squeezed(entry.name)
    exact = [one for one in owed if one.open_cents == entry.cents and payer and squeezed(buyers[one.id]) == payer]
    return exact[0].id if len(exact) == 1 and not named else None


def squeezed(text: str) -> str:
    """Letters and digits alone: banks cut, wrap and capitalise as they like.

    >>> squeezed("Fra. BCN-2026-000 001")
    'FRABCN2026000001'
    """
    return "".join(letter for letter in text.upper() if letter.isalnum())
