"""Stripe as a collector: a payment is asked for, and its events are read. Nothing of its billing is used.

The SDK is Stripe's own. It checks signatures against the machine's clock; we
leave the age to ours, which tests can turn.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from stripe import CardError, SignatureVerificationError, StripeClient, StripeError, WebhookSignature

from aldaba_cloud.billing.collection import Collection, CollectorSilent, Provider, Said, Told
from aldaba_cloud.errors import SignatureWrong

TOLERANCE: Final = timedelta(seconds=300)
SAID: Final = {
    "payment_intent.processing": Said.ON_ITS_WAY,
    "payment_intent.succeeded": Said.PAID,
    "payment_intent.payment_failed": Said.CAME_BACK,
    "payment_intent.canceled": Said.CAME_BACK,
    "charge.dispute.funds_withdrawn": Said.CAME_BACK,
    "charge.dispute.funds_reinstated": Said.PAID,
}
"""A debit that fails after it succeeded is told as a dispute whose funds are withdrawn."""


class StripeCollector:
    """Satisfies the `Collector` port."""

    provider = Provider.STRIPE

    def __init__(self, key: str, url: str) -> None:
        self._client = StripeClient(key, base_addresses={"api": url}, max_network_retries=1)

    def collect(self, wanted: Collection) -> str:
        """Ask for a payment by what the payer left with Stripe; a card that is refused is told by its event."""
        try:
            made = self._client.v1.payment_intents.create(
                {
                    "amount": wanted.cents,
                    "currency": "eur",
                    "customer": wanted.customer,
                    "payment_method": wanted.method,
                    "off_session": True,
                    "confirm": True,
                    "description": wanted.number,
                    "metadata": {"collection": wanted.id},
                },
                {"idempotency_key": wanted.id},
            )
        except CardError as refused:
            refusal: Any = refused.error
            return str(refusal.payment_intent["id"])
        except StripeError as error:
            raise CollectorSilent("Stripe", type(error).__name__) from error
        return made.id


def told_by_stripe(body: bytes, header: str, secret: str, now: datetime) -> list[Told]:
    """What a webhook says, if Stripe signed it within five minutes; events that move no money are left out.

    Raises:
        SignatureWrong: it is not Stripe's, or too old.
    """
    try:
        WebhookSignature.verify_header(body.decode(), header, secret)
        signed = next(int(part[2:]) for part in header.split(",") if part.startswith("t="))
    except (SignatureVerificationError, UnicodeDecodeError) as error:
        raise SignatureWrong("Stripe") from error
    if abs(now - datetime.fromtimestamp(signed, UTC)) > TOLERANCE:
        raise SignatureWrong("Stripe")
    one = json.loads(body)
    if one["type"] not in SAID:
        return []
    about = one["data"]["object"]
    reference = about["id"] if about["object"] == "payment_intent" else about["payment_intent"]
    return [Told(one["id"], reference, SAID[one["type"]], datetime.fromtimestamp(one["created"], UTC), one["type"])]
