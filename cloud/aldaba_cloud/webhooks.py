"""Outgoing webhooks: one signed POST, and what became of it.

The form is that of the Standard Webhooks specification (standardwebhooks.com,
version 1): `webhook-id`, `webhook-timestamp` and `webhook-signature` with
`v1,base64(HMAC-SHA256(secret, id.timestamp.body))`, so that receivers can use a
library they have. The id stays the same when a message is sent again.
"""

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

from aldaba_shared.clear_text import stays_here
from aldaba_shared.errors import AldabaError

TIMEOUT_SECONDS: Final = 10
SUCCESS: Final = 2
"""The first digit of every status that says yes."""
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how the specification marks a secret


class WebhookNotTaken(AldabaError):
    """The other side did not take a message."""

    code = "webhook_not_taken"

    def __init__(self, url: str, why: str) -> None:
        host = urlsplit(url).hostname or "the address"
        super().__init__(f"{host} did not take the webhook: {why}. Check the address; it will be tried again.")
        self.why = why


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one address; `secret` is the bytes both sides know."""

    id: str
    url: str
    secret: bytes
    body: bytes
    at: datetime

    def headers(self) -> dict[str, str]:
        """What proves that the body is ours, and new."""
        stamp = str(int(self.at.timestamp()))
        signed = hmac.new(self.secret, f"{self.id}.{stamp}.".encode() + self.body, sha256).digest()
        return {
            "content-type": "application/json",
            "webhook-id": self.id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }


class Poster(Protocol):
    """Whatever sends webhooks."""

    def post(self, message: Message) -> None:
        """Send once.

        Raises:
            WebhookNotTaken: no answer, or one that is not 2xx.
        """


class HttpPoster:
    """Sends over HTTPS; plain HTTP only to this machine. A redirect is an error like any other."""

    def post(self, message: Message) -> None:
        """Send once.

        Raises:
            WebhookNotTaken: no answer, one that is not 2xx, or an address we do not send to.
        """
        if not allowed(message.url):
            raise WebhookNotTaken(message.url, "the address is not https://")
        parts = urlsplit(message.url)
        connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = connect(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", _target(parts), message.body, message.headers())
            status = connection.getresponse().status
        except (OSError, HTTPException, ValueError) as error:
            raise WebhookNotTaken(message.url, str(error) or type(error).__name__) from error
        finally:
            connection.close()
        if status // 100 != SUCCESS:
            raise WebhookNotTaken(message.url, f"status {status}")


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def allowed(url: str) -> bool:
    """Whether we send there: HTTPS, or this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return host is not None and (parts.scheme == "https" or (parts.scheme == "http" and stays_here(host)))


def shown_secret(secret: bytes) -> str:
    """The secret as receivers' libraries take it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()
