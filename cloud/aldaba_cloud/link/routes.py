"""The link over HTTP: whole rule sets for controllers, and the live stream for boards."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from aldaba_cloud.authority import Authority
from aldaba_cloud.db import Work
from aldaba_cloud.deps import Cloud, CloudDep, CurrentOperator
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.fanout import draw_plainly, plain_audience
from aldaba_cloud.fleet.keys import load_keys
from aldaba_cloud.link import configuration, news
from aldaba_cloud.link.certificate import renew
from aldaba_cloud.link.snapshot import answer_request
from aldaba_cloud.places import store as places
from aldaba_shared.ids import SiteId
from aldaba_shared.messages import LONGEST_CONFIGURATION

LONGEST_REQUEST = 4096
SQLITE = "application/vnd.sqlite3"

REFUSED: dict[int | str, dict[str, Any]] = {422: {"description": "envelope_refused"}}
ENVELOPE = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary"},
                "example": "84 43a10126 a0 58… (COSE_Sign1, RFC 9052, by the controller's key)",
            }
        },
    }
}
"""What the description says of a request that a controller signs."""

router = APIRouter()


@router.post("/api/v1/snapshot", response_class=Response, responses=REFUSED, openapi_extra=ENVELOPE)
async def send_snapshot(request: Request, cloud: CloudDep) -> Response:
    """Answer a signed `SnapshotRequest` with the controller's rules as a SQLite file."""
    envelope = await request.body()
    if len(envelope) > LONGEST_REQUEST:
        raise Unusable("This is larger than any request for a rule set. Send one SnapshotRequest in its envelope.")
    return Response(await run_in_threadpool(_snapshot, cloud, envelope), media_type=SQLITE)


@router.post("/api/v1/certificate", response_class=Response, responses=REFUSED, openapi_extra=ENVELOPE)
async def renew_certificate(request: Request, cloud: CloudDep) -> Response:
    """Answer a signed `CertificateRequest` with a new certificate for the broker."""
    envelope = await request.body()
    if len(envelope) > LONGEST_REQUEST:
        raise Unusable("This is larger than any request for a certificate. Send one CertificateRequest, sealed.")
    return Response(await run_in_threadpool(_renewed, cloud, envelope), media_type="application/x-pem-file")


@router.post(
    "/api/v1/configuration", status_code=204, response_class=Response, responses=REFUSED, openapi_extra=ENVELOPE
)
async def keep_configuration(request: Request, cloud: CloudDep) -> Response:
    """Keep a signed `ConfigurationSent` for the controller that will one day replace its sender."""
    envelope = await request.body()
    if len(envelope) > LONGEST_CONFIGURATION + LONGEST_REQUEST:
        raise Unusable("This is larger than any configuration. Send one ConfigurationSent in its envelope.")
    await run_in_threadpool(_kept, cloud, envelope)
    return Response(status_code=204)


@router.post("/api/v1/update", response_class=Response, responses=REFUSED, openapi_extra=ENVELOPE)
async def may_update(request: Request, cloud: CloudDep) -> Response:
    """Answer a signed `UpdateAsked`: whether it is this controller's turn to take that version."""
    envelope = await request.body()
    if len(envelope) > LONGEST_REQUEST:
        raise Unusable("This is larger than any such question. Send one UpdateAsked in its envelope.")
    return Response(await run_in_threadpool(_turn, cloud, envelope), media_type="application/json")


def _turn(cloud: Cloud, envelope: bytes) -> bytes:
    with cloud.database.write() as db:
        return msgspec.json.encode(configuration.whose_turn(db, envelope, cloud.clock.now()))


def _kept(cloud: Cloud, envelope: bytes) -> None:
    with cloud.database.write() as db:
        configuration.take(db, envelope, cloud.clock.now())


def _renewed(cloud: Cloud, envelope: bytes) -> bytes:
    if not cloud.config.controls_broker:
        raise Missing("certificate authority", "of this cloud")
    now = cloud.clock.now()
    with cloud.database.write() as db:
        return renew(db, Authority(cloud.keyring, now), envelope, now)


def _snapshot(cloud: Cloud, envelope: bytes) -> bytes:
    with cloud.database.write() as db:
        return answer_request(db, load_keys(cloud.keyring).working, envelope, cloud.clock.now())


@router.get("/live/board", response_class=StreamingResponse)
def live_board(cloud: CloudDep, caller: CurrentOperator, site: Annotated[str, Query(max_length=40)]) -> Response:
    """The live stream of one site as JSON in server-sent events: `zone`, `event`, `rules`, `beat`."""
    wanted = SiteId(site)
    if places.find_site(caller.work, wanted) is None:
        raise Missing("site", site)
    stream = cloud.hub.stream(plain_audience(wanted), _first(caller.work, wanted))
    return StreamingResponse(stream, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


def _first(work: Work, site: SiteId) -> bytes:
    """What a board that has just been opened shows."""
    return b"".join(frame.data for frame in draw_plainly(list(news.of_zones(work, site))))
