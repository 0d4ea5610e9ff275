"""One zip for the gestor: the issued book, modelo 347, the journal and the deposits of some days."""

from datetime import date
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from aldaba_cloud.billing import exports, ledger_store, store
from aldaba_cloud.billing.models import WholeInvoice
from aldaba_cloud.db import Work
from aldaba_cloud.members import terms_store
from aldaba_shared.ids import SiteId

PAGE = 100_000


def gestor_zip(work: Work, site: SiteId, first: date, last: date) -> bytes:
    """Everything of a site between two days; modelo 347 looks at the whole year of the last one."""
    year = _finals(work, site, last.replace(month=1, day=1), last.replace(month=12, day=31))
    mine = _finals(work, site, first, last)
    files = {
        "libro-facturas-emitidas.csv": exports.issued_book(mine),
        "modelo-347.csv": exports.list_347(year),
        "diario.csv": exports.journal(ledger_store.postings(work, first, last, site)),
        "fianzas.csv": exports.deposits(one for one in terms_store.list_deposits(work) if one.site == site),
    }
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(name, text.encode("utf-8-sig"))
    return out.getvalue()


def _finals(work: Work, site: SiteId, first: date, last: date) -> list[WholeInvoice]:
    heads = [one for one in store.list_invoices(work, site=site, days=(first, last), limit=PAGE) if one.number]
    whole = (store.whole_invoice(work, one.id) for one in sorted(heads, key=lambda one: one.number))
    return [one for one in whole if one is not None]
