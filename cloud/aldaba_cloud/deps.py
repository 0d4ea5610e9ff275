"""What routes may ask for: the transaction, and the caller with a role.

A route names the role it needs in the type of a parameter; there is no other
way to reach the database, so none can forget to ask.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial, wraps
from inspect import iscoroutinefunction, signature
from typing import Annotated, Any, Final, ParamSpec, Protocol, TypeVar

from fastapi import Depends, Request, Response
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from sqlalchemy import Connection

from aldaba_cloud.api import idempotency
from aldaba_cloud.api.editions import ReadingDep
from aldaba_cloud.api.paging import PageAsked
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


OF_A_ROW: Final = "aldaba_of_a_row"
P = ParamSpec("P")
R = TypeVar("R")


class OneTurn(APIRoute):
    """A route of the API that changes threads once, or not at all, and trusts what its endpoint made.

    FastAPI would use a second thread to check the answer against the model that it
    is an instance of. Its endpoint stays a plain function.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **named: Any) -> None:  # noqa: ANN401 - FastAPI's own
        if not iscoroutinefunction(endpoint):
            endpoint = _in_one_turn(endpoint, only_answers=_only_answers(endpoint, named.get("methods")))
        super().__init__(path, endpoint, **named)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers; a write that is sent again with its key gets the answer it got."""
        answer = super().get_route_handler()
        return answer if set(self.methods or ()) <= SAFE_METHODS else idempotency.once(answer)


def of_a_row(endpoint: Callable[P, R]) -> Callable[P, R]:
    """Mark an endpoint that reads a row or two by their keys, for its `caller`.

    Where the database is a file of this machine it answers on the loop: the rows
    are there in less time than a thread takes to wake.
    """
    vars(endpoint)[OF_A_ROW] = True
    return endpoint


def _only_answers(endpoint: Callable[..., Any], methods: Iterable[str] | None) -> bool:
    """Whether an endpoint says all there is to its answer by what it returns."""
    told = signature(endpoint)
    answer, asked = told.return_annotation, {one.annotation for one in told.parameters.values()}
    whole = isinstance(answer, type) and issubclass(answer, Response)
    return set(methods or ()) == {"GET"} and not whole and not asked & {Response, PageAsked, ReadingDep}


def _in_one_turn(endpoint: Callable[..., Any], *, only_answers: bool) -> Callable[..., Awaitable[Any]]:
    answered = _written(endpoint) if only_answers else endpoint
    of_a_row = vars(endpoint).get(OF_A_ROW, False)

    @wraps(endpoint)
    async def turned(**values: Any) -> object:  # noqa: ANN401 -- whatever the endpoint asks for
        if of_a_row and values["caller"].work.at_hand:
            return answered(**values)
        return await run_in_threadpool(answered, **values)

    return turned


def _written(endpoint: Callable[..., Any]) -> Callable[..., Response]:
    """An endpoint whose answer is written as JSON where it is made."""
    kind = signature(endpoint).return_annotation

    @cache
    def adapter() -> TypeAdapter[Any]:
        return TypeAdapter(kind)

    def written(**values: object) -> Response:
        return Response(adapter().dump_json(endpoint(**values), by_alias=True), media_type="application/json")

    return written


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


async def cloud_of(request: Request) -> Cloud:
    """The running service. A coroutine, as all that waits for nothing: a plain function costs a turn of a thread."""
    cloud: Cloud = request.app.state.cloud
    return cloud


CloudDep = Annotated[Cloud, Depends(cloud_of)]


async def transaction(request: Request) -> AsyncIterator[Connection]:
    """The request's one transaction: committed here and nowhere else, before the answer is sent.

    Requests wait for their turn here, on the loop. Were they to wait in the pool,
    a burst would fill every worker thread with waiting ones, and those that have a
    connection would find no thread to finish on. Whoever reads a file of this
    machine waits for nobody, and needs no thread to begin and to end.
    """
    cloud = await cloud_of(request)
    reading = request.method in SAFE_METHODS
    opened = cloud.database.read() if reading else cloud.database.write()
    async with cloud.turns:
        if reading and cloud.database.at_hand:
            with opened as connection:
                yield connection
        else:
            async with contextmanager_in_threadpool(opened) as connection:
                yield connection
    if not reading:
        cloud.live.tell_all()


TransactionDep = Annotated[Connection, Depends(transaction, scope="function")]


def session_cookie(cloud: Cloud) -> str:
    """The cookie's name; with HTTPS browsers also pin it to this host."""
    return "__Host-aldaba" if cloud.config.secure_cookies else "aldaba"


async def session_or_none(request: Request, db: TransactionDep) -> Session | None:
    """The session of the cookie, or None; looked up once for a request, whoever asks.

    What asks for a session calls this, and depends on the transaction alone: to
    resolve a chain of dependencies costs more than the look-up at its end.
    """
    if not hasattr(request.state, "session"):
        # An error page is written for the same reader as the page it stands for.
        request.state.session = await _looked_up(request, db)
    found: Session | None = request.state.session
    return found


async def _looked_up(request: Request, db: Connection) -> Session | None:
    cloud = await cloud_of(request)
    token = request.cookies.get(session_cookie(cloud))
    if not token:
        return None
    if cloud.database.at_hand:
        return auth.session_of(db, token, cloud.clock.now())
    return await run_in_threadpool(auth.session_of, db, token, cloud.clock.now())


MaybeSession = Annotated[Session | None, Depends(session_or_none, scope="function")]


async def current_session(request: Request, db: TransactionDep) -> Session:
    """The live session; a changing request must also carry the session's token against forgery.

    Of changing requests that are sent twice with one key, only the first goes on from here.
    """
    session = await session_or_none(request, db)
    if session is None:
        raise NotSignedIn
    if request.method not in SAFE_METHODS:
        sent = request.headers.get(CSRF_HEADER) or await _csrf_field(request)
        if not hmac.compare_digest(sent, session.csrf):
            raise ForgedRequest
        account, cloud = session.account, await cloud_of(request)
        claimed = partial(idempotency.Claim, db, cloud.keyring, account.network, account.id)
        await idempotency.claim(request, claimed, cloud.clock.now())
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


def needs(role: Role) -> Callable[[Request, TransactionDep], Awaitable[Caller]]:
    """Make the dependency that asks for a role."""

    async def caller(request: Request, db: TransactionDep) -> Caller:
        session, cloud = await current_session(request, db), await cloud_of(request)
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


async def current_member(request: Request, db: TransactionDep) -> MemberCaller:
    """The member who is signed in; an account without a holder is nobody's member."""
    session, cloud = await current_session(request, db), await cloud_of(request)
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
