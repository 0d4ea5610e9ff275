"""Sites, zones and doors over the API."""

from fastapi import APIRouter
from pydantic import BaseModel

from aldaba_cloud.api.paging import PageAsked
from aldaba_cloud.deps import CurrentOperator, OneTurn
from aldaba_cloud.places import service

router = APIRouter(prefix="/api/v1/sites", tags=["places"], route_class=OneTurn)


class SiteOut(BaseModel):
    """A site."""

    id: str
    name: str
    time_zone: str


class ZoneOut(BaseModel):
    """A zone with its limits."""

    id: str
    name: str
    parent: str | None
    counted: bool
    safety_limit: int | None
    commercial_limit: int | None
    passback: str


class DoorOut(BaseModel):
    """A door and what lies on its two sides."""

    id: str
    name: str
    into: str
    out_of: str
    controller: str | None
    way_out_read: bool


@router.get("")
def list_sites(caller: CurrentOperator, page: PageAsked) -> list[SiteOut]:
    """List the sites the caller looks after."""
    found = page.cut(service.list_sites(caller.work), lambda one: (one.name, one.id))
    return [SiteOut(id=one.id, name=one.name, time_zone=one.time_zone) for one in found]


@router.get("/{site_id}/zones")
def list_zones(site_id: str, caller: CurrentOperator, page: PageAsked) -> list[ZoneOut]:
    """List a site's zones."""
    return [
        ZoneOut(
            id=zone.id,
            name=zone.name,
            parent=zone.parent,
            counted=zone.counted,
            safety_limit=zone.safety_limit,
            commercial_limit=zone.commercial_limit,
            passback=zone.passback,
        )
        for zone in page.cut(service.place_of(caller.work, site_id).zones.values(), lambda one: (one.id,))
    ]


@router.get("/{site_id}/doors")
def list_doors(site_id: str, caller: CurrentOperator, page: PageAsked) -> list[DoorOut]:
    """List a site's doors."""
    return [
        DoorOut(
            id=door.id,
            name=door.name,
            into=door.into,
            out_of=door.out_of,
            controller=door.controller,
            way_out_read=door.way_out_read,
        )
        for door in page.cut(service.place_of(caller.work, site_id).doors.values(), lambda one: (one.id,))
    ]
