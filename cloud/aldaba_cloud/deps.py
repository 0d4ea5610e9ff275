"""What routes may ask for: the transaction, and the caller with a role.

A route names the role it needs in the type of a parameter; there is no other
way to reach the database, so none can forget to ask.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Protocol

from fastapi import Depends, Request, Response
from fastapi.concurrency import contextmanager_in_threadpool
from sqlalchemy import Connection

from aldaba_cloud.auth import service as auth
from aldaba_cloud.auth.models import Account, Role, Session, SignedIn
from aldaba_cloud.auth.service import Passwords
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Work
from aldaba_cloud.errors import Forbidden, ForgedRequest, NotSignedIn
from aldaba_cloud.fanout import Hub
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.live import Live
from aldaba_shared.ids import HolderId

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
TRANSACTIONS_AT_ONCE = 10
"""Requests that may be in a transaction at the same time; the engine's pool has room for a few more."""
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf_token"


class Clock(Protocol):
    """Where the service learns the time; tests and the simulated world turn it by hand."""

    def now(self) -> datetime:
        """The moment, aware."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class Cloud:
    """What one running service consists of; lives in `app.state.cloud`."""

    config: Config
    database: Database
    keyring: Keyring
    passwords: Passwords
    clock: Clock
    live: Live = field(default_factory=Live)
    hub: Hub = field(default_factory=Hub)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TRANSACTIONS_AT_ONCE))


def cloud_of(request: Request) -> Cloud:
    """The running service."""
    cloud: Cloud = request.app.state.cloud
    return cloud


CloudDep = Annotated[Cloud, Depends(cloud_of)]


async def transaction(request: Request, cloud: CloudDep) -> AsyncIterator[Connection]:
    """The request's one transaction: committed here and nowhere else, before the answer is sent.

    Requests wait for their turn here, on the loop. Were they to wait in the pool,
    a burst would fill every worker thread with waiting ones, and those that have a
    connection would find no thread to finish on.
    """
    reading = request.method in SAFE_METHODS
    opened = cloud.database.read() if reading else cloud.database.write()
    async with cloud.turns, contextmanager_in_threadpool(opened) as connection:
        yield connection
    if not reading:
        cloud.live.tell_all()


TransactionDep = Annotated[Connection, Depends(transaction, scope="function")]


def session_cookie(cloud: Cloud) -> str:
    """The cookie's name; with HTTPS browsers also pin it to this host."""
    return "__Host-aldaba" if cloud.config.secure_cookies else "aldaba"


def session_or_none(request: Request, cloud: CloudDep, db: TransactionDep) -> Session | None:
    """The session of the cookie, or None."""
    token = request.cookies.get(session_cookie(cloud))
    session = auth.session_of(db, token, cloud.clock.now()) if token else None
    request.state.session = session  # an error page is written for the same reader as the page it stands for
    return session


MaybeSession = Annotated[Session | None, Depends(session_or_none, scope="function")]


async def current_session(request: Request, session: MaybeSession) -> Session:
    """The live session; a changing request must also carry the session's token against forgery."""
    if session is None:
        raise NotSignedIn
    if request.method not in SAFE_METHODS:
        sent = request.headers.get(CSRF_HEADER) or await _csrf_field(request)
        if not hmac.compare_digest(sent, session.csrf):
            raise ForgedRequest
    return session


CurrentSession = Annotated[Session, Depends(current_session, scope="function")]


async def _csrf_field(request: Request) -> str:
    """The hidden field of a form; other bodies carry the header."""
    kind = request.headers.get("content-type", "")
    if not kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        return ""
    field = (await request.form()).get(CSRF_FIELD, "")
    return field if isinstance(field, str) else ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, in which role, and the transaction narrowed to where they hold it."""

    account: Account
    session: Session
    work: Work


@dataclass(frozen=True, slots=True)
class MemberCaller:
    """A member asking about their own things."""

    account: Account
    session: Session
    work: Work
    holder: HolderId


def needs(role: Role) -> Callable[[CurrentSession, CloudDep, TransactionDep], Caller]:
    """Make the dependency that asks for a role."""

    def caller(session: CurrentSession, cloud: CloudDep, db: TransactionDep) -> Caller:
        scope = session.account.scope(role)
        if scope is None:
            raise Forbidden(role)
        return Caller(session.account, session, Work(db, scope, cloud.clock.now(), session.account.id))

    return caller


CurrentOperator = Annotated[Caller, Depends(needs(Role.OPERATOR), scope="function")]
CurrentAdmin = Annotated[Caller, Depends(needs(Role.ADMIN), scope="function")]
CurrentOwner = Annotated[Caller, Depends(needs(Role.NETWORK_OWNER), scope="function")]
CurrentInstaller = Annotated[Caller, Depends(needs(Role.INSTALLER), scope="function")]
CurrentAccountant = Annotated[Caller, Depends(needs(Role.ACCOUNTANT), scope="function")]


def current_member(session: CurrentSession, cloud: CloudDep, db: TransactionDep) -> MemberCaller:
    """The member who is signed in; an account without a holder is nobody's member."""
    scope = session.account.scope(Role.MEMBER)
    if scope is None or session.account.holder is None:
        raise Forbidden(Role.MEMBER)
    work = Work(db, scope, cloud.clock.now(), session.account.id)
    return MemberCaller(session.account, session, work, session.account.holder)


CurrentMember = Annotated[MemberCaller, Depends(current_member, scope="function")]


def keep_session(response: Response, cloud: Cloud, signed_in: SignedIn) -> None:
    """Give the browser its cookie."""
    response.set_cookie(
        session_cookie(cloud),
        signed_in.token,
        max_age=cloud.config.session_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=cloud.config.secure_cookies,
        path="/",
    )


def drop_session(response: Response, cloud: Cloud) -> None:
    """Take the cookie back."""
    response.delete_cookie(session_cookie(cloud), path="/", secure=cloud.config.secure_cookies, httponly=True)
