"""PINs over the API: set by an operator, told in the answer and never again."""

from fastapi import APIRouter, Response, status
from pydantic import BaseModel

from aldaba_cloud.access import pins
from aldaba_cloud.deps import CloudDep, CurrentOperator, OneTurn
from aldaba_shared.ids import HolderId

router = APIRouter(prefix="/api/v1/holders", tags=["pins"], route_class=OneTurn)


class PinIn(BaseModel):
    """Whether a PIN of duress is wanted too: it opens like the other and calls for help."""

    duress: bool = False


class PinOut(BaseModel):
    """The new PINs; they are told once."""

    pin: str
    duress_pin: str | None


@router.post("/{holder_id}/pin", status_code=status.HTTP_201_CREATED)
def set_pin(holder_id: str, wanted: PinIn, response: Response, caller: CurrentOperator, cloud: CloudDep) -> PinOut:
    """Give a holder a new PIN in place of the one before."""
    response.headers["cache-control"] = "no-store"
    made = pins.set_pin(caller.work, HolderId(holder_id), cloud.keyring, duress=wanted.duress)
    return PinOut(pin=made.pin, duress_pin=made.duress)


@router.delete("/{holder_id}/pin", status_code=status.HTTP_204_NO_CONTENT)
def drop_pin(holder_id: str, caller: CurrentOperator, cloud: CloudDep) -> None:
    """End a holder's PINs."""
    pins.drop_pin(caller.work, HolderId(holder_id), cloud.keyring)
