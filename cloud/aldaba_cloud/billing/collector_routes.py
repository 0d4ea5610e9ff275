"""Where Stripe and GoCardless tell what became of collections.

What is not signed by them is refused before a transaction begins, and leaves no
row. They are answered 200 for what moves no money, so that they do not send it again.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from aldaba_cloud.billing import collectors
from aldaba_cloud.billing.collection import Provider, Told
from aldaba_cloud.billing.gocardless_collector import told_by_gocardless
from aldaba_cloud.billing.stripe_collector import told_by_stripe
from aldaba_cloud.db import Scope, Work
from aldaba_cloud.deps import Cloud, CloudDep, OneTurn, TransactionDep
from aldaba_cloud.errors import Missing, SignatureWrong, TokenInvalid
from aldaba_cloud.places import store as places
from aldaba_shared.ids import NetworkId

router = APIRouter(prefix="/api/v1/collectors", include_in_schema=False, route_class=OneTurn)


async def stripe_events(request: Request, cloud: CloudDep) -> list[Told]:
    """What a request of Stripe's says."""
    if not cloud.config.stripe_webhook_secret:
        raise SignatureWrong(Provider.STRIPE)
    header = request.headers.get("stripe-signature", "")
    return told_by_stripe(await request.body(), header, cloud.config.stripe_webhook_secret, cloud.clock.now())


async def gocardless_events(request: Request, cloud: CloudDep) -> list[Told]:
    """What a request of GoCardless's says."""
    if not cloud.config.gocardless_webhook_secret:
        raise TokenInvalid(Provider.GOCARDLESS)
    signature = request.headers.get("webhook-signature", "")
    return told_by_gocardless(await request.body(), signature, cloud.config.gocardless_webhook_secret)


@router.post("/stripe")
def hear_stripe(
    told: Annotated[list[Told], Depends(stripe_events)], cloud: CloudDep, db: TransactionDep
) -> dict[str, int]:
    """Take events of Stripe in."""
    return {"new": collectors.take(_work(cloud, db), Provider.STRIPE, told)}


@router.post("/gocardless")
def hear_gocardless(
    told: Annotated[list[Told], Depends(gocardless_events)], cloud: CloudDep, db: TransactionDep
) -> dict[str, int]:
    """Take events of GoCardless in."""
    return {"new": collectors.take(_work(cloud, db), Provider.GOCARDLESS, told)}


def _work(cloud: Cloud, db: TransactionDep) -> Work:
    known = places.every_network(db)
    wanted = cloud.config.collectors_network
    if wanted not in known and (wanted or len(known) != 1):
        raise Missing("network of the setting collectors_network", wanted)
    return Work(db, Scope(NetworkId(wanted) if wanted else known[0]), cloud.clock.now(), "collector")
