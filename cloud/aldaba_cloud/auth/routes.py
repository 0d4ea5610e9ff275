"""Signing in and out over the API, and the list of one's own sessions."""

from typing import Annotated

from fastapi import APIRouter, Request, Response, status
from pydantic import AwareDatetime, BaseModel, StringConstraints

from aldaba_cloud.api.paging import PageAsked
from aldaba_cloud.auth import service, store
from aldaba_cloud.auth.models import Session, roles_of
from aldaba_cloud.db import Scope, Work
from aldaba_cloud.deps import CloudDep, CurrentSession, OneTurn, TransactionDep, drop_session, keep_session

router = APIRouter(prefix="/api/v1", tags=["session"], route_class=OneTurn)

Text = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class SignInBody(BaseModel):
    """An address and a password."""

    email: Text
    password: Text


class SessionOut(BaseModel):
    """One of the caller's own sessions."""

    id: str
    created_at: AwareDatetime
    expires_at: AwareDatetime
    agent: str
    current: bool


class WhoOut(BaseModel):
    """Who is signed in, and the token that changing requests carry in `X-CSRF-Token`."""

    account: str
    name: str
    roles: list[str]
    locale: str
    csrf_token: str


@router.post("/session", status_code=status.HTTP_201_CREATED)
def sign_in(wanted: SignInBody, request: Request, response: Response, cloud: CloudDep) -> WhoOut:
    """Sign in; the session comes as a cookie."""
    address = request.client.host if request.client else ""
    attempt = service.SignIn(wanted.email, wanted.password, address, request.headers.get("user-agent", ""))
    signed_in = service.sign_in(
        cloud.database, attempt, cloud.passwords, now=cloud.clock.now(), hours=cloud.config.session_hours
    )
    keep_session(response, cloud, signed_in)
    return _who(signed_in.session)


@router.get("/session")
def who_am_i(session: CurrentSession) -> WhoOut:
    """Say who is signed in."""
    return _who(session)


@router.delete("/session", status_code=status.HTTP_204_NO_CONTENT)
def sign_out(session: CurrentSession, response: Response, cloud: CloudDep, db: TransactionDep) -> None:
    """End this session."""
    service.end_session(_own_work(session, cloud, db), session.account, session.id)
    drop_session(response, cloud)


@router.get("/sessions")
def list_sessions(session: CurrentSession, cloud: CloudDep, db: TransactionDep, page: PageAsked) -> list[SessionOut]:
    """List the caller's live sessions."""
    found = page.cut(store.sessions_of(_own_work(session, cloud, db), session.account), lambda one: (one.id,))
    return [
        SessionOut(
            id=one.id,
            created_at=one.created_at,
            expires_at=one.expires_at,
            agent=one.agent,
            current=one.id == session.id,
        )
        for one in found
    ]


@router.delete("/sessions/{session_id}", status_code=status.HTTP_204_NO_CONTENT)
def end_session(session_id: str, session: CurrentSession, cloud: CloudDep, db: TransactionDep) -> None:
    """End one of the caller's own sessions."""
    service.end_session(_own_work(session, cloud, db), session.account, session_id)


def _own_work(session: Session, cloud: CloudDep, db: TransactionDep) -> Work:
    """The caller's own account and sessions are rows of the network, and theirs whatever their role."""
    return Work(db, Scope(session.account.network), cloud.clock.now(), session.account.id)


def _who(session: Session) -> WhoOut:
    account = session.account
    roles = sorted(roles_of(account.grants))
    return WhoOut(
        account=account.id,
        name=account.name,
        roles=[str(role) for role in roles],
        locale=account.locale,
        csrf_token=session.csrf,
    )
