"""Writes that may be sent twice: the header `Idempotency-Key`.

A program that got no answer cannot know whether its write was done. It sends the
same request with the same key again, and gets the first answer again; nothing is
done twice. The form is that of the IETF's draft-ietf-httpapi-idempotency-key-header.

The key is claimed by a row in the request's own transaction, and the answer is
written into that row before the commit: either the effect and its answer are
kept, or neither. Who comes second waits for the first one's commit, on SQLite
for the only writer's turn, on PostgreSQL for the row (`ON CONFLICT DO NOTHING`
waits for whoever inserted it). A refusal rolls back and so keeps nothing: it had
no effect, and the same key may be tried again.

Keys belong to an account. Answers are kept sealed, because some tell a secret once.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Column, Connection, LargeBinary, PrimaryKeyConstraint, String, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from aldaba_cloud.db import ALL_SITES, UtcDateTime, scoped_table
from aldaba_cloud.errors import Unusable
from aldaba_cloud.keyring import Keyring
from aldaba_shared.errors import AldabaError

HEADER: Final = "idempotency-key"
REPLAYED: Final = "idempotent-replayed"
LONGEST_KEY: Final = 200
KEPT: Final = timedelta(hours=48)

Answering = Callable[[Request], Coroutine[Any, Any, Response]]

idempotency_keys = scoped_table(
    "idempotency_keys",
    Column("account_id", String(40), nullable=False),
    Column("key", String(LONGEST_KEY), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("claimed_at", UtcDateTime, nullable=False, index=True),
    PrimaryKeyConstraint("network_id", "account_id", "key"),
)
"""Rows belong to a network (`*`), like the accounts whose keys they are."""


class KeyUnusable(Unusable):
    """An `Idempotency-Key` that is empty, too long, or not printable ASCII."""

    code = "idempotency_key_unusable"

    def __init__(self) -> None:
        super().__init__(
            f"The header Idempotency-Key has 1 to {LONGEST_KEY} printable ASCII characters. "
            "Send a random one for each thing you want done, for instance a UUID."
        )


class KeyReused(AldabaError):
    """An `Idempotency-Key` that stood for another request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key came before with another method, address or body. "
            "Send that request again as it was, or take a new key."
        )


class Answer(msgspec.Struct, frozen=True):
    """An answer as it was given."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, response: Response) -> "Answer":
        """What is kept of an answer: whatever is not the server's own affair."""
        kept = {name: value for name, value in response.headers.items() if name != "content-length"}
        return cls(response.status_code, kept, bytes(response.body))

    def again(self) -> Response:
        """The same answer, marked as one that was given before."""
        return Response(self.body, self.status, self.headers | {REPLAYED: "true"})


class AnsweredBefore(Exception):
    """The request was done before; this was the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that this transaction claimed; its answer is still to come."""

    db: Connection
    keyring: Keyring
    network: str
    account: str
    key: str

    def keep(self, answer: Answer) -> None:
        """Write the answer beside its effect."""
        mine = (
            (idempotency_keys.c.network_id == self.network)
            & (idempotency_keys.c.account_id == self.account)
            & (idempotency_keys.c.key == self.key)
        )
        sealed = self.keyring.seal(msgspec.msgpack.encode(answer))
        self.db.execute(update(idempotency_keys).where(mine).values(answer=sealed))

    def take(self, fingerprint: str, now: datetime) -> None:
        """Claim the key, or raise the answer that it has already.

        Raises:
            AnsweredBefore: the same request was answered.
            KeyReused: the key stood for another one.
        """
        row = {
            "network_id": self.network,
            "site_id": ALL_SITES,
            "account_id": self.account,
            "key": self.key,
            "fingerprint": fingerprint,
            "answer": b"",
            "claimed_at": now,
        }
        insert = postgresql.insert if self.db.dialect.name == "postgresql" else sqlite.insert
        put = insert(idempotency_keys).values(row).on_conflict_do_nothing().returning(idempotency_keys.c.key)
        if self.db.execute(put).first():
            return
        known = self.db.execute(
            select(idempotency_keys.c.fingerprint, idempotency_keys.c.answer).where(
                idempotency_keys.c.network_id == self.network,
                idempotency_keys.c.account_id == self.account,
                idempotency_keys.c.key == self.key,
            )
        ).one()
        if known.fingerprint != fingerprint:
            raise KeyReused
        raise AnsweredBefore(msgspec.msgpack.decode(self.keyring.unseal(known.answer), type=Answer))


async def claim(request: Request, claimed: Callable[[str], Claim], now: datetime) -> None:
    """Claim the key of a changing request of the API, if it carries one.

    Raises:
        AnsweredBefore: it was done before.
        KeyReused: the key stood for another request.
        KeyUnusable: it is no key.
    """
    key = request.headers.get(HEADER)
    if key is None or not request.url.path.startswith("/api/"):
        return
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise KeyUnusable
    address = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    made = claimed(key)
    await run_in_threadpool(made.take, sha256(address + await request.body()).hexdigest(), now)
    request.state.claim = made


def once(answer: Answering) -> Answering:
    """Let a route give the answer it gave before, and keep the one it gives; the transaction is still open then."""

    async def answered(request: Request) -> Response:
        try:
            response = await answer(request)
        except AnsweredBefore as before:
            return before.answer.again()
        made: Claim | None = getattr(request.state, "claim", None)
        if made is not None:
            await run_in_threadpool(made.keep, Answer.of(response))
        return response

    return answered


def forget_before(db: Connection, moment: datetime) -> int:
    """Drop keys that nobody tries again; answers how many."""
    return db.execute(delete(idempotency_keys).where(idempotency_keys.c.claimed_at < moment)).rowcount
