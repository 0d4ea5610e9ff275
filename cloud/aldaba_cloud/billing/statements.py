"""Bank statements to entries: camt.053 (ISO 20022) and Norma 43 (AEB).

camt is read by its local names, so that .02 to .08 read the same; entities and
the network stay out of it. Norma 43 is csb43's to read.
"""

import warnings
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from typing import Final

from csb43.aeb43 import read_batch
from csb43.aeb43.record.errors import ValidationWarning
from lxml import etree

from aldaba_cloud.billing.matching import Entry
from aldaba_cloud.errors import Unusable

CREDIT: Final = "CRDT"
HEADER: Final = b"11"
"""A Norma 43 file begins with the head of an account."""


class StatementUnreadable(Unusable):
    """A file is neither of the two."""

    def __init__(self) -> None:
        super().__init__("This is neither camt.053 nor Norma 43. Download the statement from the bank as one of them.")


def entries(body: bytes) -> list[Entry]:
    """Every entry of a statement, in its order."""
    try:
        return list(_camt(body) if body.lstrip()[:1] == b"<" else _norma43(body))
    except (etree.XMLSyntaxError, ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise StatementUnreadable from error


def _camt(body: bytes) -> Iterator[Entry]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    root = etree.fromstring(body, parser)
    if root.find(".//{*}Stmt") is None:
        raise StatementUnreadable
    for entry in root.iterfind(".//{*}Ntry"):
        booked = date.fromisoformat(
            (entry.findtext("{*}BookgDt/{*}Dt") or entry.findtext("{*}BookgDt/{*}DtTm") or "")[:10]
        )
        sign = 1 if entry.findtext("{*}CdtDbtInd") == CREDIT else -1
        details = entry.findall("{*}NtryDtls/{*}TxDtls") or [entry]
        for position, one in enumerate(details):
            yield _detail(entry, one, position, sign, booked)


def _detail(entry: etree._Element, one: etree._Element, position: int, sign: int, booked: date) -> Entry:
    amount = one.findtext("{*}Amt") or one.findtext("{*}AmtDtls/{*}TxAmt/{*}Amt") or entry.findtext("{*}Amt") or "0"
    texts = [line.text or "" for line in one.iterfind("{*}RmtInf/{*}Ustrd")]
    reference = entry.findtext("{*}AcctSvcrRef") or entry.findtext("{*}NtryRef")
    named = reference or sha256(etree.tostring(entry)).hexdigest()[:40]
    return Entry(
        external_id=f"{named}/{position}",
        cents=sign * int(Decimal(amount) * 100),
        booked_on=booked,
        name=one.findtext(".//{*}Dbtr/{*}Nm") or one.findtext(".//{*}Dbtr/{*}Pty/{*}Nm") or "",
        iban=one.findtext(".//{*}DbtrAcct/{*}Id/{*}IBAN") or "",
        text=" ".join(texts),
        end_to_end=one.findtext("{*}Refs/{*}EndToEndId") or "",
        returned=one.find("{*}RtrInf") is not None,
    )


def _norma43(body: bytes) -> Iterator[Entry]:
    if body[:2] != HEADER:
        raise StatementUnreadable
    with warnings.catch_warnings():
        # Banks strip the spaces that end a line; csb43 puts them back and warns.
        warnings.simplefilter("ignore", ValidationWarning)
        accounts = read_batch(BytesIO(body)).accounts
    for account in accounts or ():
        for position, one in enumerate(account.transactions or ()):
            items = " ".join(f"{item.item1} {item.item2}".strip() for item in one.optional_items or ())
            text = " ".join(filter(None, (items, str(one.reference1 or ""), str(one.reference2 or ""))))
            told = f"{account.account_number}{one.transaction_date}{position}{one.amount}{text}"
            yield Entry(
                external_id=f"n43-{sha256(told.encode()).hexdigest()[:32]}",
                cents=int(Decimal(one.amount) * 100),
                booked_on=one.transaction_date,
                text=text,
            )
