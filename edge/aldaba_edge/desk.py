"""The front desk's side of making a card: sign in, get one card's keys, make it, have it enrolled (ADR 27).

The desk's computer holds no key of the site: it is given those of the card that
lies on its reader, by an operator's own session, and forgets them. A card that
is taken away half made is put back and taken up where it was left.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import Any, Final

from aldaba_edge.cloud_http import MOST_ANSWER, TIMEOUT_SECONDS, CloudUnreachable
from aldaba_edge.codecs import desfire, ev2, ntag424
from aldaba_edge.codecs.exchange import Exchange, tell
from aldaba_edge.codecs.malformed import Malformed
from aldaba_edge.drivers.negotiation import Transmit, play
from aldaba_shared.errors import AldabaError
from aldaba_shared.keys import CredentialKind

GET_VERSION: Final = 0x60
DESFIRE_TYPE: Final = 0x01
NTAG_TYPE: Final = 0x04


class CardNotMade(AldabaError):
    """The card on the desk's reader did not become ours."""

    code = "card_not_made"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The card was not made ({why}) and opens nothing. Leave it on the reader and try again; "
            "if it says the same again, take another card."
        )
        self.why = why


class DeskRefused(AldabaError):
    """The cloud did not give what the desk asked for."""

    code = "desk_refused"

    def __init__(self, why: str) -> None:
        super().__init__(f"The cloud refused: {why}")


@dataclass(frozen=True, slots=True)
class Blank:
    """The card that lies on the reader."""

    kind: CredentialKind
    uid: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Order:
    """For whom, what is written on the card, and where a tag leads a phone."""

    holder: str
    label: str
    address: str


class DeskCloud:
    """The cloud as an operator's browser knows it: a session in a cookie and a token beside it."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar())).open
        self._token = ""

    def sign_in(self, email: str, password: str) -> None:
        """Sign in as an operator.

        Raises:
            DeskRefused: address or password are wrong.
            CloudUnreachable: nobody answers.
        """
        self._token = str(self._post("/api/v1/session", {"email": email, "password": password})["csrf_token"])

    def keys(self, blank: Blank, order: Order) -> dict[str, Any]:
        """What makes this card."""
        asked = {"holder": order.holder, "kind": blank.kind.value, "uid": blank.uid.hex()}
        return self._post("/api/v1/cards/keys", asked)

    def enrol(self, blank: Blank, order: Order) -> str:
        """Have the made card enrolled; the credential's name."""
        asked = {"holder": order.holder, "kind": blank.kind.value, "uid": blank.uid.hex(), "label": order.label}
        return str(self._post("/api/v1/cards", asked)["credential"])

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        url = self._url + path
        if not url.startswith(("https://", "http://")):
            raise CloudUnreachable(url, "it is no web address")
        headers = {"Content-Type": "application/json", "X-CSRF-Token": self._token}
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - checked above
        try:
            with self._open(request, timeout=TIMEOUT_SECONDS) as answer:
                told: dict[str, Any] = json.loads(answer.read(MOST_ANSWER))
                return told
        except urllib.error.HTTPError as error:
            with error:
                raise DeskRefused(_detail(error)) from error
        except (OSError, ValueError) as error:
            raise CloudUnreachable(url, str(error)) from error


def _detail(error: urllib.error.HTTPError) -> str:
    """The sentence the cloud gave, or at least its status."""
    try:
        told = json.loads(error.read(MOST_ANSWER))
        return str(told.get("detail") or told.get("title") or f"status {error.code}")
    except (ValueError, AttributeError):
        return f"status {error.code}"


def kind_of() -> Exchange[CredentialKind | None]:
    """Which card lies there: DESFire and NTAG 424 say so in the first frame of GetVersion."""
    selected = yield from tell(ntag424.SELECT_NDEF)
    asked = yield from tell(ev2.native(GET_VERSION))
    if isinstance(selected, Malformed) or isinstance(asked, Malformed) or asked.status != ev2.MORE:
        return None
    return {DESFIRE_TYPE: CredentialKind.DESFIRE, NTAG_TYPE: CredentialKind.NTAG424}.get(
        asked.data[1] & 0x0F if len(asked.data) > 1 else 0
    )


def make_card(
    cloud: DeskCloud, uid: bytes, order: Order, transmit: Transmit, random: Callable[[int], bytes]
) -> tuple[Blank, str]:
    """Make the card on the reader ours and enrol it; what it is, and its credential's name.

    Raises:
        CardNotMade: no card that can be made, or it did not do what was asked.
        DeskRefused: the cloud gives no keys, or the card is somebody's already.
        CardGone: it was taken away; put it back and begin again.
    """
    kind = play(kind_of(), transmit)
    if kind is None:
        raise CardNotMade("it is neither a DESFire nor an NTAG 424")
    blank = Blank(kind, uid)
    broken = play(_making(cloud.keys(blank, order), blank, order, random), transmit)
    if broken is not None:
        raise CardNotMade(broken.why)
    return blank, cloud.enrol(blank, order)


def _making(
    told: dict[str, Any], blank: Blank, order: Order, random: Callable[[int], bytes]
) -> Exchange[Malformed | None]:
    keys = [bytes.fromhex(key) for key in told["keys"]]
    if blank.kind is CredentialKind.DESFIRE:
        number = bytes.fromhex(told["number"])
        return desfire.personalise(desfire.CardMade(told["version"], keys[0], keys[1], number), random)
    master, meta, file = keys
    return ntag424.personalise(ntag424.TagMade(told["version"], master, meta, file, order.address), random)
