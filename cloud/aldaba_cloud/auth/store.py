"""The SQL of accounts, sessions and wrong tries.

Signing in happens before there is a caller, so the functions it needs take a
connection and no scope; they look an address or a token up and nothing else.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Row,
    String,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from aldaba_cloud.auth.models import Account, Grant, Role, Session
from aldaba_cloud.db import ALL_SITES, UtcDateTime, Work, scoped_table
from aldaba_cloud.prepared import Prepared
from aldaba_shared.ids import HolderId, NetworkId, SiteId

accounts = scoped_table(
    "accounts",
    Column("id", String(40), primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("password", String(200), nullable=False),
    Column("holder_id", String(40), nullable=True),
    Column("locale", String(8), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

account_roles = scoped_table(
    "account_roles",
    Column("account_id", String(40), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("role", String(20), nullable=False),
    PrimaryKeyConstraint("account_id", "site_id", "role"),
)

sessions = scoped_table(
    "sessions",
    Column("id", String(40), primary_key=True),
    Column("token_digest", String(64), nullable=False, unique=True),
    Column("account_id", String(40), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("agent", String(200), nullable=False),
)

sign_in_tries = scoped_table(
    "sign_in_tries",
    Column("subject_digest", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Column("blocked_until", UtcDateTime, nullable=False),
)
"""Rows belong to no network (`*`): a wrong try comes before anyone knows whose it is."""


_ROLES: Final = account_roles.c.account_id == accounts.c.id
_ACCOUNT: Final = (
    accounts.c.id,
    accounts.c.network_id,
    accounts.c.email,
    accounts.c.name,
    accounts.c.holder_id,
    accounts.c.locale,
    account_roles.c.role,
    account_roles.c.site_id,
)
_SESSION: Final = (
    sessions.c.id.label("session_id"),
    sessions.c.csrf,
    sessions.c.created_at,
    sessions.c.expires_at,
    sessions.c.agent,
)
ACCOUNT_BY_ID: Final = Prepared(
    select(*_ACCOUNT)
    .select_from(accounts.outerjoin(account_roles, _ROLES))
    .where(accounts.c.id == bindparam("wanted"), accounts.c.enabled)
    .order_by(account_roles.c.site_id, account_roles.c.role)
)
SESSION_BY_TOKEN: Final = Prepared(
    select(*_SESSION, *_ACCOUNT)
    .select_from(sessions.join(accounts, sessions.c.account_id == accounts.c.id).outerjoin(account_roles, _ROLES))
    .where(sessions.c.token_digest == bindparam("digest"), sessions.c.expires_at > bindparam("at"), accounts.c.enabled)
    .order_by(account_roles.c.site_id, account_roles.c.role)
)
"""Every request asks one of these: a row for each grant, or one without a role where there is none."""


def add_account(work: Work, account: Account, password: str) -> None:
    """Keep an account and its roles; the password is already a hash."""
    row = {
        "id": account.id,
        "email": account.email,
        "name": account.name,
        "password": password,
        "holder_id": account.holder,
        "locale": account.locale,
        "enabled": True,
        "created_at": work.now,
    }
    work.db.execute(insert(accounts), row | {"network_id": account.network, "site_id": ALL_SITES})
    grants = [{"account_id": account.id, "role": grant.role} | work.stamp(grant.site) for grant in account.grants]
    if grants:
        work.db.execute(insert(account_roles), grants)


def find_account(work: Work, account_id: str) -> Account | None:
    """The account, if the caller's scope holds it."""
    mine = (accounts.c.id == account_id) & work.visible(accounts)
    found = select(*_ACCOUNT).select_from(accounts.outerjoin(account_roles, _ROLES)).where(mine)
    return _account(work.db.execute(found.order_by(account_roles.c.site_id, account_roles.c.role)).all())


def names_of_colleagues(work: Work, roles: Collection[Role]) -> dict[str, str]:
    """Whoever holds one of these roles where the caller looks: their names by account id, in the order of names."""
    holding = select(account_roles.c.account_id).where(
        account_roles.c.role.in_(sorted(roles)), work.visible(account_roles)
    )
    mine = accounts.c.id.in_(holding) & accounts.c.enabled & work.visible(accounts)
    rows = work.db.execute(select(accounts.c.id, accounts.c.name).where(mine).order_by(accounts.c.name, accounts.c.id))
    return {row.id: row.name for row in rows}


def set_password(work: Work, account_id: str, password: str) -> None:
    """Replace the hash."""
    mine = (accounts.c.id == account_id) & (accounts.c.network_id == work.scope.network)
    work.db.execute(update(accounts).where(mine).values(password=password))


def credentials_of(db: Connection, email: str) -> tuple[str, str] | None:
    """The id and password hash of an enabled account, by its address."""
    found = select(accounts.c.id, accounts.c.password).where(accounts.c.email == email, accounts.c.enabled)
    row = db.execute(found).first()
    return (row.id, row.password) if row else None


def account_by_id(db: Connection, account_id: str) -> Account | None:
    """An enabled account by its id, while signing in."""
    return _account(ACCOUNT_BY_ID.rows(db, wanted=account_id))


def add_session(db: Connection, session: Session, token_digest: str) -> None:
    """Keep a session under the digest of its token."""
    row = {
        "id": session.id,
        "network_id": session.account.network,
        "site_id": ALL_SITES,
        "token_digest": token_digest,
        "account_id": session.account.id,
        "csrf": session.csrf,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "agent": session.agent,
    }
    db.execute(insert(sessions), row)


def session_by_token(db: Connection, token_digest: str, now: datetime) -> Session | None:
    """The live session of a token, with its account as it is now."""
    rows = SESSION_BY_TOKEN.rows(db, digest=token_digest, at=now)
    account = _account(rows)
    if account is None:
        return None
    row = rows[0]
    return Session(row.session_id, account, row.csrf, row.created_at, row.expires_at, row.agent)


def sessions_of(work: Work, account: Account) -> list[Session]:
    """Live sessions of one account, newest first."""
    mine = (sessions.c.account_id == account.id) & (sessions.c.expires_at > work.now) & work.visible(sessions)
    rows = work.db.execute(select(sessions).where(mine).order_by(sessions.c.created_at.desc()))
    return [_session(row, account) for row in rows]


def delete_session(work: Work, account_id: str, session_id: str) -> bool:
    """Forget a session of this account; False if there was none."""
    mine = (sessions.c.id == session_id) & (sessions.c.account_id == account_id) & work.visible(sessions)
    return work.db.execute(delete(sessions).where(mine)).rowcount > 0


def delete_sessions_of(work: Work, account_id: str) -> None:
    """Forget every session of this account."""
    work.db.execute(delete(sessions).where(sessions.c.account_id == account_id, work.visible(sessions)))


def delete_every_session(work: Work) -> None:
    """Sign everybody of a network out."""
    work.db.execute(delete(sessions).where(work.writable(sessions)))


def delete_expired(db: Connection, now: datetime) -> int:
    """Forget what ended, and tries older than a day; returns how many sessions went."""
    db.execute(delete(sign_in_tries).where(sign_in_tries.c.last_at < now - timedelta(days=1)))
    return db.execute(delete(sessions).where(sessions.c.expires_at <= now)).rowcount


def blocked_until(db: Connection, subjects: Iterable[str]) -> datetime | None:
    """The latest moment until which any of these subjects must wait."""
    rows = db.execute(
        select(sign_in_tries.c.blocked_until).where(sign_in_tries.c.subject_digest.in_(list(subjects)))
    ).scalars()
    return max(rows, default=None)


def failures_of(db: Connection, subject: str) -> int:
    """Wrong tries in a row so far."""
    found = select(sign_in_tries.c.failures).where(sign_in_tries.c.subject_digest == subject)
    return db.execute(found).scalar() or 0


def keep_failures(db: Connection, subject: str, failures: int, moments: tuple[datetime, datetime]) -> None:
    """Write how often a subject failed; the moments are now and until when it must wait."""
    clear_failures(db, [subject])
    row = {"failures": failures, "last_at": moments[0], "blocked_until": moments[1]}
    db.execute(insert(sign_in_tries), row | {"subject_digest": subject, "network_id": "*", "site_id": ALL_SITES})


def clear_failures(db: Connection, subjects: Iterable[str]) -> None:
    """A right password forgives the wrong ones."""
    db.execute(delete(sign_in_tries).where(sign_in_tries.c.subject_digest.in_(list(subjects))))


def _account(rows: Sequence[Any]) -> Account | None:
    """The account that rows of `_ACCOUNT` tell of, one for each grant."""
    if not rows:
        return None
    row = rows[0]
    grants = tuple(Grant(Role(one.role), SiteId(one.site_id)) for one in rows if one.role is not None)
    holder = HolderId(row.holder_id) if row.holder_id else None
    return Account(row.id, NetworkId(row.network_id), row.email, row.name, grants, holder, row.locale)


def _session(row: Row[Any], account: Account) -> Session:
    return Session(row.id, account, row.csrf, row.created_at, row.expires_at, row.agent)
