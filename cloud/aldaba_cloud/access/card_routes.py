"""Making cards over the API: the desk asks for one card's keys, makes it, and has it enrolled."""

from typing import Annotated, Literal

from fastapi import APIRouter, status
from pydantic import BaseModel, StringConstraints

from aldaba_cloud.access import making
from aldaba_cloud.deps import CloudDep, CurrentOperator, OneTurn
from aldaba_shared.ids import HolderId
from aldaba_shared.keys import CredentialKind

router = APIRouter(prefix="/api/v1/cards", tags=["cards"], route_class=OneTurn)

Uid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{14}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class BlankIn(BaseModel):
    """A blank card on the desk's reader, and whose it will be; the UID is 7 bytes in hexadecimal."""

    holder: Name
    kind: Literal["desfire", "ntag424"]
    uid: Uid


class KeysOut(BaseModel):
    """What makes this one card: the set's version, the card's keys from key 0 on, its number; in hexadecimal."""

    version: int
    keys: list[str]
    number: str


class MadeIn(BlankIn):
    """The same card, made, and what is written on it."""

    label: Name


class EnrolledOut(BaseModel):
    """The credential that the card is now."""

    credential: str
    holder: str


@router.post("/keys")
def keys_for_a_card(blank: BlankIn, caller: CurrentOperator, cloud: CloudDep) -> KeysOut:
    """The keys with which the desk makes one card; asking again gives the same."""
    kind, uid = CredentialKind(blank.kind), bytes.fromhex(blank.uid)
    told = making.card_to_make(caller.work, HolderId(blank.holder), kind, uid, cloud.keyring)
    return KeysOut(version=told.version, keys=[key.hex() for key in told.keys], number=told.number.hex())


@router.post("", status_code=status.HTTP_201_CREATED, responses={409: {"description": "the card is somebody's"}})
def enrol_a_card(made: MadeIn, caller: CurrentOperator, cloud: CloudDep) -> EnrolledOut:
    """Enrol a card that was made with those keys; doors learn it at once."""
    which = (CredentialKind(made.kind), bytes.fromhex(made.uid))
    issued = making.enrol_made(caller.work, HolderId(made.holder), which, made.label, cloud.keyring)
    return EnrolledOut(credential=issued.id, holder=issued.holder)
