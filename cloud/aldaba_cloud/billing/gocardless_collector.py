"""GoCardless as a collector: a payment under a mandate is asked for, and its events are read. The SDK is its own."""

from datetime import datetime
from typing import Final

import gocardless_pro
from gocardless_pro import webhooks
from gocardless_pro.errors import GoCardlessProError, InvalidSignatureError
from requests import RequestException

from aldaba_cloud.billing.collection import Collection, CollectorSilent, Provider, Said, Told
from aldaba_cloud.errors import TokenInvalid

SAID: Final = {
    "created": Said.ON_ITS_WAY,
    "submitted": Said.ON_ITS_WAY,
    "resubmission_requested": Said.ON_ITS_WAY,
    "confirmed": Said.PAID,
    "chargeback_cancelled": Said.PAID,
    "failed": Said.CAME_BACK,
    "cancelled": Said.CAME_BACK,
    "customer_approval_denied": Said.CAME_BACK,
    "charged_back": Said.CAME_BACK,
}
"""What is done with a payment. `failed` may also come late, after `confirmed`; payouts move nothing of ours."""


class GoCardlessCollector:
    """Satisfies the `Collector` port."""

    provider = Provider.GOCARDLESS

    def __init__(self, token: str, url: str) -> None:
        self._client = gocardless_pro.Client(access_token=token, base_url=url, timeout=10)

    def collect(self, wanted: Collection) -> str:
        """Ask for a payment under the payer's mandate; asked again, the SDK fetches the one that was made."""
        params = {
            "amount": wanted.cents,
            "currency": "EUR",
            "description": wanted.number,
            "links": {"mandate": wanted.method},
            "metadata": {"collection": wanted.id},
        }
        try:
            made = self._client.payments.create(params=params, headers={"Idempotency-Key": wanted.id})
        except (GoCardlessProError, RequestException) as error:
            raise CollectorSilent("GoCardless", type(error).__name__) from error
        return str(made.id)


def told_by_gocardless(body: bytes, signature: str, secret: str) -> list[Told]:
    """What a webhook says, if GoCardless signed it; events that move no money are left out.

    Raises:
        TokenInvalid: it is not GoCardless's.
    """
    try:
        events = webhooks.parse(body, secret, signature)
    except (InvalidSignatureError, TypeError) as error:
        raise TokenInvalid("GoCardless") from error
    return [
        Told(one.id, one.links.payment, SAID[one.action], datetime.fromisoformat(one.created_at), one.action)
        for one in events
        if one.resource_type == "payments" and one.action in SAID
    ]
