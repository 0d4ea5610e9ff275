"""A phone's code proves possession of a key, for one site and one moment, or it is nothing."""

from datetime import UTC, datetime, timedelta

import pytest
import qrcode
from hypothesis import event, given, settings
from hypothesis import strategies as st
from qrcode.constants import ERROR_CORRECT_M
from qrcode.util import QRData

from aldaba_shared import phone
from aldaba_shared.ids import SiteId
from aldaba_sim.phone import SimulatedPhone

SITE = SiteId("poblenou")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANAS = SimulatedPhone.fresh()
OTHER = SimulatedPhone.fresh()


def read(text: bytes) -> phone.PhoneCode:
    code = phone.read(text)
    assert code is not None
    return code


@pytest.mark.feature(35)
def test_a_code_is_proven_by_its_own_key_at_its_own_site_alone() -> None:
    code = read(ANAS.code(SITE, NOON))
    assert phone.proven(code, ANAS.public, SITE)
    assert not phone.proven(code, OTHER.public, SITE)
    assert not phone.proven(code, ANAS.public, SiteId("gracia"))
    assert code.key_id == ANAS.key_id


def test_a_code_fits_a_qr_code_of_version_five_in_alphanumeric_mode() -> None:
    drawn = qrcode.QRCode(error_correction=ERROR_CORRECT_M)
    drawn.add_data(QRData(ANAS.code(SITE, NOON)), optimize=0)
    drawn.make(fit=True)
    assert drawn.version == 5


@pytest.mark.parametrize(
    ("seconds", "fits"), [(-15.0, True), (15.0, True), (-15.01, False), (15.01, False), (0.0, True)]
)
def test_a_code_is_believed_for_fifteen_seconds_around_its_time(seconds: float, fits: bool) -> None:
    code = read(ANAS.code(SITE, NOON))
    assert code.fits(NOON + timedelta(seconds=seconds)) is fits


@given(at=st.integers(0, phone.TEXT_LENGTH - 1), put=st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"))
@settings(max_examples=80)
def test_a_code_with_one_character_changed_proves_nothing(at: int, put: str) -> None:
    text = bytearray(ANAS.code(SITE, NOON))
    same = text[at] == ord(put)
    text[at] = ord(put)
    code = phone.read(bytes(text))
    event("unchanged" if same else "unreadable" if code is None else "readable")
    assert same or code is None or not phone.proven(code, ANAS.public, SITE)


@given(junk=st.binary(min_size=phone.TEXT_LENGTH, max_size=phone.TEXT_LENGTH) | st.binary(max_size=200))
def test_random_bytes_are_no_code_of_a_phone(junk: bytes) -> None:
    code = phone.read(junk)
    assert code is None or not phone.proven(code, ANAS.public, SITE)


def test_only_a_point_of_the_curve_is_enrolled() -> None:
    assert phone.checked_key(ANAS.public) == ANAS.public
    for wrong in (b"", b"\x04" + bytes(64), ANAS.public[:-1], ANAS.public[:-1] + bytes([ANAS.public[-1] ^ 1])):
        with pytest.raises(phone.KeyRefused):
            phone.checked_key(wrong)
