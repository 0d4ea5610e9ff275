"""A member's own phones over the API, and the time by which a phone corrects its clock."""

from base64 import b64decode
from typing import Annotated

from fastapi import APIRouter, status
from pydantic import BaseModel, StringConstraints

from aldaba_cloud.access import phones
from aldaba_cloud.deps import CloudDep, CurrentMember, OneTurn
from aldaba_shared.keys import phone_key_id

router = APIRouter(prefix="/api/v1/me", tags=["phones"], route_class=OneTurn)


class PhoneIn(BaseModel):
    """The public half of a phone's key: the uncompressed point (SEC 1) in Base64, and what its owner calls it."""

    public_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{87}=$")]
    label: Annotated[str, StringConstraints(min_length=1, max_length=80)]


class PhoneOut(BaseModel):
    """A phone that is a key now; `key_id` is what its codes name it by."""

    credential: str
    key_id: str


class ClockOut(BaseModel):
    """The cloud's time, in milliseconds since 1970."""

    now_ms: int


@router.post("/phones", status_code=status.HTTP_201_CREATED)
def enrol_phone(wanted: PhoneIn, caller: CurrentMember, cloud: CloudDep) -> PhoneOut:
    """Make the phone that asks a key of the signed-in member."""
    raw = b64decode(wanted.public_key)
    issued = phones.enrol_phone(caller.work, caller.holder, raw, wanted.label, cloud.keyring)
    return PhoneOut(credential=issued.id, key_id=phone_key_id(raw).hex())


@router.get("/clock")
def clock(caller: CurrentMember) -> ClockOut:
    """The time, for a phone whose clock may be wrong."""
    return ClockOut(now_ms=round(caller.work.now.timestamp() * 1000))
