"""Invoices (RD 1619/2012): numbers, years, kinds, corrections, and the tax office's chain."""

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update

from aldaba_cloud.billing import chain_store, service, store
from aldaba_cloud.billing.models import InvoiceState
from aldaba_cloud.billing.verifactu import QR_ABOVE, QR_BELOW, Record, RecordKind, fingerprint, hashed_text, qr_url
from aldaba_cloud.members.terms import BillTo, TaxIdKind
from aldaba_cloud.places.store import sites
from aldaba_cloud.pricing.models import PriceLine
from tests.cloud.billed_space import ISSUER, BilledSpace
from tests.cloud.conftest import BARCELONA, GIRONA

ANA = BillTo("h", "Ana", TaxIdKind.NIF, "12345678Z")
RITA = BillTo("h", "Rita")


@pytest.mark.parametrize(
    ("zone", "year"),
    [pytest.param("Europe/Madrid", 2027, id="Barcelona"), pytest.param("Atlantic/Canary", 2026, id="Las Palmas")],
)
def test_half_past_eleven_of_new_years_eve_in_utc(space: BilledSpace, zone: str, year: int) -> None:
    space.work.db.execute(update(sites).where(sites.c.id == GIRONA).values(time_zone=zone))
    store.add_issuer(space.work, replace(ISSUER, id="iss_2", site=GIRONA, prefix="X"))
    work = replace(space.work, now=datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    made = service.draft(work, GIRONA, replace(ANA, site=GIRONA), [PriceLine("Desk", "", 100)])
    assert service.finalise(work, made.head.id).number == f"X-{year}-000001"


@pytest.mark.feature(18)
@pytest.mark.parametrize(
    ("gross", "simplified"), [pytest.param(40000, True, id="400.00"), pytest.param(40001, False, id="400.01")]
)
def test_simplified_invoices_go_up_to_400_with_tax(space: BilledSpace, gross: int, *, simplified: bool) -> None:
    line = PriceLine("Hall", "", gross, gross=True)
    if simplified:
        made = service.draft(space.work, BARCELONA, RITA, [line])
        assert service.finalise(space.work, made.head.id).number == "BCNS-2026-000001"
    else:
        with pytest.raises(service.TaxIdNeeded):
            service.draft(space.work, BARCELONA, RITA, [line])


@pytest.mark.feature(45)
def test_a_correction_is_a_credit_note_of_its_own_series_that_cites_and_never_exceeds(space: BilledSpace) -> None:
    made = service.draft(space.work, BARCELONA, ANA, [PriceLine("Desk", "", 10000)])
    final = service.finalise(space.work, made.head.id)
    note = service.credit(space.work, final.id, 5000, "Half a month was closed")
    whole = store.whole_invoice(space.work, note.id)
    assert whole
    assert (note.number, whole.corrects_number, whole.head.reason) == (
        "BCNR-2026-000001", "BCN-2026-000001", "Half a month was closed",
    )  # fmt: skip
    assert (note.net_cents + note.tax_cents, note.total_cents) == (-5000, -5000)
    with pytest.raises(service.CreditTooLarge, match=r"71\.00"):
        service.credit(space.work, final.id, 7101, "A cent more than is left")
    unchanged = store.find_invoice(space.work, final.id)
    assert unchanged
    assert (unchanged.number, unchanged.total_cents, unchanged.state) == (final.number, 12100, InvoiceState.FINAL)


SAMPLE = Record(
    RecordKind.REGISTRATION, "89890001K", "12345678/G33", date(2024, 1, 1), "F1", 1235, 12345, "",
    "2024-01-01T19:20:30+01:00",
)  # fmt: skip


@pytest.mark.feature(45)
def test_the_official_sample_has_its_fingerprint() -> None:
    assert fingerprint(SAMPLE) == "3C464DAF61ACB827C65FDA19F352A4E3BDC2C640E9E9FC4CC058073F38F12F60"


@pytest.mark.parametrize(
    ("number", "hashed"),
    [
        pytest.param("  A 1 ", "A 1", id="trimmed at both ends only"),
        pytest.param("A  1", "A  1", id="inner spaces stay"),
        pytest.param("Ñ/1", "Ñ/1", id="UTF-8"),
    ],
)
def test_values_are_hashed_as_they_are_but_for_their_ends(number: str, hashed: str) -> None:
    made = replace(SAMPLE, number=number)
    assert f"&NumSerieFactura={hashed}&" in hashed_text(made)
    assert fingerprint(made) == hashlib.sha256(hashed_text(made).encode("utf-8")).hexdigest().upper()


@pytest.mark.feature(45)
def test_one_chain_for_each_issuer_with_an_empty_beginning(space: BilledSpace) -> None:
    store.add_issuer(space.work, replace(ISSUER, id="iss_2", site=GIRONA, prefix="GRO"))
    for site in (BARCELONA, GIRONA, BARCELONA):
        made = service.draft(space.work, site, replace(ANA, site=site), [PriceLine("Desk", "", 100)])
        service.finalise(space.work, made.head.id)
    chain = chain_store.records(space.work, ISSUER.tax_id)
    assert [record.number for record, _ in chain] == ["BCN-2026-000001", "GRO-2026-000001", "BCN-2026-000002"]
    assert [record.previous for record, _ in chain] == ["", *(kept for _, kept in chain[:-1])]


@pytest.mark.feature(45)
def test_the_qr_says_where_anybody_can_look_the_invoice_up() -> None:
    split = urlsplit(qr_url("B12345674", "BCN-2026/1 &2", date(2027, 1, 5), 12100))
    assert f"{split.scheme}://{split.netloc}{split.path}" == (
        "https://www2.agenciatributaria.gob.es/wlpl/TIKE-CONT/ValidarQR"
    )
    assert parse_qs(split.query) == {
        "nif": ["B12345674"], "numserie": ["BCN-2026/1 &2"], "fecha": ["05-01-2027"], "importe": ["121.00"],
    }  # fmt: skip
    assert (QR_ABOVE, QR_BELOW) == ("QR tributario:", "VERI*FACTU")
