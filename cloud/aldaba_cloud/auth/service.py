"""Opening accounts, signing in and out, and slowing down whoever guesses.

Signing in uses three short transactions instead of one: the try is counted
before the password is looked at, so that many guesses at once count as many,
and argon2 runs while no lock is held.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Connection

from aldaba_cloud.auth import store
from aldaba_cloud.auth.models import Account, Grant, Session, SignedIn, normal_email, wait_after
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Work, new_id
from aldaba_cloud.errors import Missing, SignInRefused, Taken, Throttled, Unusable
from aldaba_shared.ids import HolderId

SHORTEST_PASSWORD = 12
TRIES_PER_ADDRESS = 20
"""Wrong tries from one network address before it waits: an office shares one."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is needed to open an account."""

    email: str
    name: str
    password: str
    grants: tuple[Grant, ...]
    holder: HolderId | None = None
    locale: str = "es"


@dataclass(frozen=True, slots=True)
class SignIn:
    """One try, as the browser sent it."""

    email: str
    password: str
    address: str
    agent: str = ""


class PasswordTooShort(Unusable):
    """A password that is soon guessed."""

    def __init__(self, shortest: int) -> None:
        super().__init__(f"The password is too short. Use {shortest} characters or more.")


class NotAMailAddress(Unusable):
    """Accounts are known by their mail address."""

    def __init__(self, email: str) -> None:
        super().__init__(f"{email!r} is not a mail address. It needs an @.")


class AccountTaken(Taken):
    """One account per address."""

    def __init__(self, email: str) -> None:
        super().__init__(f"There is an account for {email} already. Change that one, or use another address.")


class Passwords:
    """Argon2 with the configured costs, and a hash nobody has for accounts that are not there."""

    def __init__(self, config: Config) -> None:
        self._hasher = PasswordHasher(
            time_cost=config.argon2_time_cost,
            memory_cost=config.argon2_memory_kib,
            parallelism=config.argon2_parallelism,
        )
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    def hash(self, password: str) -> str:
        """Hash a password worth keeping; too short ones are refused."""
        if len(password) < SHORTEST_PASSWORD:
            raise PasswordTooShort(SHORTEST_PASSWORD)
        return self._hasher.hash(password)

    def fits(self, password: str, hashed: str | None) -> bool:
        """Compare, taking as long for an account that does not exist."""
        try:
            return self._hasher.verify(hashed or self._nobody, password) and hashed is not None
        except (VerifyMismatchError, InvalidHashError):
            return False


def open_account(work: Work, wanted: NewAccount, passwords: Passwords) -> Account:
    """Open an account with its roles."""
    email = normal_email(wanted.email)
    if "@" not in email:
        raise NotAMailAddress(wanted.email)
    if store.credentials_of(work.db, email):
        raise AccountTaken(email)
    made = Account(
        work.new_id("acc"), work.scope.network, email, wanted.name, wanted.grants, wanted.holder, wanted.locale
    )
    store.add_account(work, made, passwords.hash(wanted.password))
    return made


def change_password(work: Work, account: Account, password: str, passwords: Passwords) -> None:
    """Set a new password and end every session."""
    store.set_password(work, account.id, passwords.hash(password))
    store.delete_sessions_of(work, account.id)


def sign_in(database: Database, attempt: SignIn, passwords: Passwords, *, now: datetime, hours: int) -> SignedIn:
    """Open a session for the right password; wrong ones wait longer and longer, known address or not."""
    email = normal_email(attempt.email)
    mail, address = _digest(f"mail {email}"), _digest(f"address {attempt.address}")
    with database.write() as db:
        _count_try(db, {mail: 0, address: TRIES_PER_ADDRESS}, now)
        known = store.credentials_of(db, email)
    if not passwords.fits(attempt.password, known[1] if known else None) or known is None:
        raise SignInRefused
    with database.write() as db:
        account = store.account_by_id(db, known[0])
        if account is None:
            raise SignInRefused
        store.clear_failures(db, [mail, address])
        return open_session(db, account, now=now, hours=hours, agent=attempt.agent)


def open_session(db: Connection, account: Account, *, now: datetime, hours: int, agent: str = "") -> SignedIn:
    """Make a session; the token is given once and only its digest is kept."""
    token = secrets.token_urlsafe(32)
    ends = now + timedelta(hours=hours)
    session = Session(new_id("ses"), account, secrets.token_urlsafe(24), now, ends, agent[:200])
    store.add_session(db, session, _digest(token))
    return SignedIn(token, session)


def session_of(db: Connection, token: str, now: datetime) -> Session | None:
    """The live session of a cookie."""
    return store.session_by_token(db, _digest(token), now)


def end_session(work: Work, account: Account, session_id: str) -> None:
    """Sign one of the account's own sessions out."""
    if not store.delete_session(work, account.id, session_id):
        raise Missing("session", session_id)


def _count_try(db: Connection, subjects: dict[str, int], now: datetime) -> None:
    """Refuse while a wait lasts; else count the try as wrong until it proves right.

    `subjects` maps each to the tries it has free beyond the usual ones.
    """
    until = store.blocked_until(db, subjects)
    if until and until > now:
        raise Throttled(ceil((until - now).total_seconds()))
    for subject, spare in subjects.items():
        failures = store.failures_of(db, subject) + 1
        store.keep_failures(db, subject, failures, (now, now + wait_after(max(0, failures - spare))))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
