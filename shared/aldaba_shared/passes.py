"""Visitor passes: a CWT (RFC 8392) signed with ES256, in Base45 (RFC 9285), as the text of a QR code.

A pass carries all that a door needs, so it works while the door hears nothing:
whose it is, for which doors, from when until when, and how often it leads into
each zone. The key that signs passes is trusted for passes and nothing else, and
no other envelope can be read as one, because those are signed with external
data and a CWT is not. Base45 fits the alphanumeric mode of a QR code.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

import base45
from cwt import COSE
from cwt.enums import CWTClaims
from msgspec import Struct

from aldaba_shared.envelope import KeyRing, SigningKey, kid_of
from aldaba_shared.ids import CredentialId, DoorId, HolderId, RightId, SiteId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.messages import Kind
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential, Facts, Right
from aldaba_shared.schedule import always
from aldaba_shared.wire import Malformed, encode, loads

MAX_TEXT_BYTES: Final = 1024
USES_CLAIM: Final = -70_001
"""A private claim (RFC 8392, section 9.1): how often the pass leads into each zone of its way."""

PASS_ID_BYTES: Final = 16
"""Length of the `cti` this project issues; any length from 1 to 64 is read."""


class Pass(Struct, frozen=True):
    """What a pass says, once its signature has been found good. `doors` is the whole route."""

    issuer: str
    holder: HolderId
    site: SiteId
    doors: tuple[DoorId, ...]
    valid_from: datetime
    valid_until: datetime
    id: bytes
    uses: int

    @property
    def credential_id(self) -> CredentialId:
        """The name of this pass in the books."""
        return CredentialId(f"pass-{self.id.hex()}")


def issue(issued: Pass, key: SigningKey) -> str:
    """The text for the QR code; show it in alphanumeric mode, error correction M."""
    claims = {
        int(CWTClaims.ISS): issued.issuer,
        int(CWTClaims.SUB): issued.holder,
        int(CWTClaims.AUD): [f"site:{issued.site}", *issued.doors],
        int(CWTClaims.EXP): int(issued.valid_until.timestamp()),
        int(CWTClaims.NBF): int(issued.valid_from.timestamp()),
        int(CWTClaims.CTI): issued.id,
        USES_CLAIM: issued.uses,
    }
    cose = COSE.new(alg_auto_inclusion=True, kid_auto_inclusion=True)
    token: bytes = cose.encode(encode(claims), key.cose)
    text: bytes = base45.b45encode(token)
    return text.decode("ascii")


def read(text: bytes, ring: KeyRing) -> Pass | Reason:
    """The pass in a QR code's text, or `PASS_UNREADABLE`; never raises, whatever the bytes are."""
    if len(text) > MAX_TEXT_BYTES:
        return Reason.PASS_UNREADABLE
    try:
        token = base45.b45decode(text.decode("ascii").strip())
        key = ring.trusted(kid_of(Kind.PASS, token), Kind.PASS)
        claims = loads(COSE.new().decode(token, key), "pass", limit=MAX_TEXT_BYTES)
    except Exception:  # noqa: BLE001 - the library lets the errors of four layers through; here they all mean one thing
        return Reason.PASS_UNREADABLE
    return _claimed(claims)


def facts(shown: Pass, *, door: DoorId, site: SiteId, uses_so_far: int, cancelled: Collection[bytes]) -> Facts:
    """What `decide` needs to know of a pass at this door: one right, for the pass's span, without a contract."""
    credential = Credential(
        id=shown.credential_id,
        holder=shown.holder,
        kind=CredentialKind.PASS,
        enabled=shown.id not in cancelled,
        valid_from=shown.valid_from,
        valid_until=shown.valid_until,
    )
    if shown.site != site or door not in shown.doors:
        return Facts(credential, (), Reason.PASS_WRONG_DOOR)
    if uses_so_far >= shown.uses:
        return Facts(credential, (), Reason.PASS_USED_UP)
    right = Right(RightId(shown.credential_id), always("UTC"), shown.valid_from, shown.valid_until)
    return Facts(credential, (right,))


def use_name(shown: Pass, leads_into: str) -> str:
    """What the uses of a pass are counted under: the pass and where the door leads.

    So each door of the way has the pass's uses to itself, and two doors into the
    same zone share them as far as their controllers can talk.
    """
    return f"{shown.credential_id}@{leads_into}"


def cancelled_body(pass_ids: Collection[bytes]) -> bytes:
    """The body of the rule set's `setting` row `cancelled_passes`."""
    return encode(sorted(pass_ids))


def read_cancelled(body: bytes) -> frozenset[bytes]:
    """The cancelled passes out of that row.

    Raises:
        Malformed: the row holds something else.
    """
    listed = loads(body, "cancelled_passes")
    if not isinstance(listed, list) or not all(isinstance(one, bytes) for one in listed):
        raise Malformed("cancelled_passes", "it is no list of byte strings")
    return frozenset(listed)


def _claimed(claims: Any) -> Pass | Reason:  # noqa: ANN401 - CBOR holds anything
    """A well-signed body is still judged: another program of the same cloud may have signed it."""
    try:
        site, *doors = claims[CWTClaims.AUD]
        claimed = Pass(
            issuer=_text(claims[CWTClaims.ISS]),
            holder=HolderId(_text(claims[CWTClaims.SUB])),
            site=SiteId(_text(site).removeprefix("site:")),
            doors=tuple(DoorId(_text(door)) for door in doors),
            valid_from=datetime.fromtimestamp(claims[CWTClaims.NBF], UTC),
            valid_until=datetime.fromtimestamp(claims[CWTClaims.EXP], UTC),
            id=claims[CWTClaims.CTI],
            uses=claims[USES_CLAIM],
        )
    except (LookupError, TypeError, ValueError, OverflowError, OSError):
        return Reason.PASS_UNREADABLE
    sound = isinstance(claimed.id, bytes) and 1 <= len(claimed.id) <= 64 and isinstance(claimed.uses, int)  # noqa: PLR2004 - as PASS_ID_BYTES says
    return claimed if sound else Reason.PASS_UNREADABLE


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a claim that must be text is none")
    return value
