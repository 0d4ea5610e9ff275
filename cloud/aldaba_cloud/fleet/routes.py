"""Pairing over HTTP. A controller has no account: its six-digit code is what lets it in."""

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from aldaba_cloud.authority import Authority
from aldaba_cloud.config import Config
from aldaba_cloud.deps import Cloud, CloudDep
from aldaba_cloud.errors import Unusable
from aldaba_cloud.fleet import pairing
from aldaba_cloud.fleet.keys import load_keys
from aldaba_shared.messages import PairAnswer, PairRequest

LONGEST_REQUEST = 16 * 1024

router = APIRouter(prefix="/api/v1")


PAIR = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {"type": "object", "required": ["code", "public_key", "software"]},
                "example": {"code": "482913", "public_key": "MFkwEwYHKoZIzj0CAQ==", "software": "0.1.0"},
            }
        }
    }
}
"""What the description says of a controller's request."""


@router.post("/pair", response_class=Response, responses={422: {"description": "pair_refused"}}, openapi_extra=PAIR)
async def pair_controller(request: Request, cloud: CloudDep) -> Response:
    """Pair a controller: `PairRequest` in JSON, answered with `PairAnswer` in JSON; bytes are base64."""
    body = await request.body()
    answer = await run_in_threadpool(_pair, cloud, body)
    return Response(msgspec.json.encode(answer), media_type="application/json")


def broker_address(config: Config) -> pairing.BrokerAddress:
    """Where controllers reach the broker: where the configuration says, else where we do ourselves."""
    if config.mqtt_public_host:
        return pairing.BrokerAddress(config.mqtt_public_host, config.mqtt_public_port, tls=True)
    return pairing.BrokerAddress(config.mqtt_host or config.host, config.mqtt_port, tls=config.mqtt_ca_file is not None)


def _pair(cloud: Cloud, body: bytes) -> PairAnswer:
    try:
        wanted = msgspec.json.decode(body[:LONGEST_REQUEST], type=PairRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unusable(f"This is no pairing request: {error}. Send PairRequest as JSON.") from error
    now = cloud.clock.now()
    authority = Authority(cloud.keyring, now) if cloud.config.controls_broker else None
    given = pairing.Pairing(cloud.keyring, load_keys(cloud.keyring), broker_address(cloud.config), authority)
    with cloud.database.write() as db:
        outcome = pairing.pair(db, given, wanted, now)
    if isinstance(outcome, pairing.PairRefused):
        raise outcome
    return outcome
