"""What banks send, to entries: camt.053 and camt.054, pain.002 (ISO 20022) and Norma 43 (AEB).

XML is read by its local names, so that a format's versions read the same;
entities and the network stay out of it. A pain.002 that refuses a collection is
a debit that came back. Norma 43 is csb43's to read.
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
REJECTED: Final = "RJCT"
HEADER: Final = b"11"
"""A Norma 43 file begins with the head of an account."""


class StatementUnreadable(Unusable):
    """A file is neither of the two."""

    def __init__(self) -> None:
        super().__init__(
            "This is neither camt.053, camt.054, pain.002 nor Norma 43. Download it from the bank as one of them."
        )


class WholeFileRefused(Unusable):
    """A bank took none of a file of debits, and says so without naming them."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The bank refused the whole debit file ({why or 'no reason told'}), so none of it was collected. "
            "Correct what it says and have it collected again."
        )


def entries(body: bytes) -> list[Entry]:
    """Every entry of a statement, in its order."""
    try:
        return list(_xml(body) if body.lstrip()[:1] == b"<" else _norma43(body))
    except (etree.XMLSyntaxError, ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise StatementUnreadable from error


def _xml(body: bytes) -> Iterator[Entry]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    root = etree.fromstring(body, parser)
    report = root.find(".//{*}CstmrPmtStsRpt")
    if report is not None:
        return _pain002(report)
    if root.find(".//{*}Stmt") is None and root.find(".//{*}Ntfctn") is None:
        raise StatementUnreadable
    return _camt(root)


def _pain002(report: etree._Element) -> Iterator[Entry]:
    """The collections a bank refused, each under the reference we gave it."""
    made = date.fromisoformat((report.findtext("{*}GrpHdr/{*}CreDtTm") or "")[:10])
    told = report.findall(".//{*}TxInfAndSts")
    group = report.find("{*}OrgnlGrpInfAndSts")
    if group is not None and group.findtext("{*}GrpSts") == REJECTED and not told:
        raise WholeFileRefused(group.findtext(".//{*}Rsn/{*}Cd") or group.findtext(".//{*}AddtlInf") or "")
    for one in told:
        if one.findtext("{*}TxSts") == REJECTED:
            end_to_end = one.findtext("{*}OrgnlEndToEndId") or ""
            amount = one.findtext("{*}OrgnlTxRef/{*}Amt/{*}InstdAmt") or "0"
            text = one.findtext(".//{*}Rsn/{*}Cd") or ""
            named = one.findtext("{*}StsId") or end_to_end
            cents = -int(Decimal(amount) * 100)
            yield Entry(f"pain-{named}", cents, made, text=text, end_to_end=end_to_end, returned=True)


def _camt(root: etree._Element) -> Iterator[Entry]:
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
