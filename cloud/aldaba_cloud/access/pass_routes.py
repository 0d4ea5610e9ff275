"""Visitor passes over the API; the link for the visitor needs no account."""

from typing import Annotated

from fastapi import APIRouter, Response, status
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from aldaba_cloud.access import passes, store
from aldaba_cloud.access.models import VisitorPass
from aldaba_cloud.access.passes import PassWanted
from aldaba_cloud.api.paging import PageAsked
from aldaba_cloud.deps import Cloud, CloudDep, CurrentOperator, OneTurn, TransactionDep
from aldaba_shared.ids import DoorId, HolderId, ZoneId

router = APIRouter(prefix="/api/v1/passes", tags=["passes"], route_class=OneTurn)
Name = Annotated[str, StringConstraints(min_length=1, max_length=40)]
SVG = "image/svg+xml"


class PassIn(BaseModel):
    """A pass to a zone or a door, and whom it visits."""

    host: Name
    visitor: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    zone: Name | None = None
    door: Name | None = None
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    uses: Annotated[int, Field(ge=1, le=passes.MOST_USES)] = 2


class PassOut(BaseModel):
    """What a pass may do."""

    id: str
    site: str
    host: str
    visitor: str
    doors: list[str]
    uses: int
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    cancelled_at: AwareDatetime | None


class PassIssuedOut(PassOut):
    """A new pass, with the link to give to the visitor; it is told once."""

    link: str


@router.post("", status_code=status.HTTP_201_CREATED)
def issue_pass(wanted: PassIn, caller: CurrentOperator, cloud: CloudDep) -> PassIssuedOut:
    """Issue a visitor pass."""
    made = passes.issue_pass(
        caller.work,
        PassWanted(
            host=HolderId(wanted.host),
            visitor=wanted.visitor,
            valid_from=wanted.valid_from,
            valid_until=wanted.valid_until,
            uses=wanted.uses,
            zone=ZoneId(wanted.zone) if wanted.zone else None,
            door=DoorId(wanted.door) if wanted.door else None,
        ),
        cloud.keyring,
    )
    link = f"{str(cloud.config.base_url).rstrip('/')}{router.prefix}/shared/{made.link}"
    return PassIssuedOut(**_told(made.issued).model_dump(), link=link)


@router.get("")
def list_passes(caller: CurrentOperator, page: PageAsked) -> list[PassOut]:
    """List passes."""
    found = page.cut(store.list_passes(caller.work), lambda one: (one.valid_from.isoformat(), one.id))
    return [_told(one) for one in found]


@router.delete("/{pass_id}")
def cancel_pass(pass_id: str, caller: CurrentOperator, cloud: CloudDep) -> PassOut:
    """Cancel pass."""
    return _told(passes.cancel_pass(caller.work, pass_id, cloud.keyring))


@router.get("/{pass_id}/qr.svg", response_class=Response, responses={200: {"content": {SVG: {}}}})
def draw_pass(pass_id: str, caller: CurrentOperator, cloud: CloudDep) -> Response:
    """Draw pass."""
    return _svg(passes.find_pass(caller.work, pass_id), cloud)


@router.get("/shared/{link}", include_in_schema=False)
def draw_shared_pass(link: str, db: TransactionDep, cloud: CloudDep) -> Response:
    """Draw the pass for the visitor, who has nothing but the link."""
    found = passes.pass_behind(db, link, cloud.keyring, cloud.clock.now())
    return _svg(found, cloud)


def _svg(found: VisitorPass, cloud: Cloud) -> Response:
    drawn = passes.drawn(passes.text_of(found, cloud.keyring))
    return Response(drawn, media_type=SVG, headers={"cache-control": "no-store"})


def _told(one: VisitorPass) -> PassOut:
    return PassOut(
        id=one.id,
        site=one.site,
        host=one.host,
        visitor=one.visitor,
        doors=list(one.doors),
        uses=one.uses,
        valid_from=one.valid_from,
        valid_until=one.valid_until,
        cancelled_at=one.cancelled_at,
    )
