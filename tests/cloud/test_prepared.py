"""Prepared selects say what SQLAlchemy would have said, on either engine."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import BindParameter, Column, MetaData, Select, Table, bindparam, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from aldaba_cloud.auth.models import Role
from aldaba_cloud.auth.store import account_roles, accounts, sessions
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, visible_in
from aldaba_cloud.prepared import Prepared
from tests.cloud.conftest import BARCELONA, GIRONA, NETWORK, account

MADE = accounts.c.created_at
AT: BindParameter[datetime] = bindparam("at")
EMAIL = "nuria@example.org"
BOTH_SITES = Scope(NETWORK, frozenset({BARCELONA, GIRONA}))


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(select(accounts).where(accounts.c.email == bindparam("email")), id="moments and truth values"),
        pytest.param(
            select(accounts).where(accounts.c.email == bindparam("email"), visible_in(accounts, BOTH_SITES)),
            id="a list in the condition",
        ),
        pytest.param(
            select(accounts.c.email, account_roles.c.role, sessions.c.expires_at)
            .select_from(accounts.outerjoin(account_roles).outerjoin(sessions))
            .where(accounts.c.email == bindparam("email")),
            id="rows that are not there",
        ),
    ],
)
def test_a_prepared_select_says_what_the_select_says(
    database: Database, config: Config, statement: Select[tuple[object]]
) -> None:
    account(database, config, EMAIL, Role.OPERATOR, BARCELONA)
    prepared = Prepared(statement)
    with database.read() as db:
        rows = db.execute(statement, {"email": EMAIL}).all()
        assert rows
        for _ in range(2):
            found = prepared.rows(db, email=EMAIL)
            assert found == rows
            assert [one._asdict() for one in found] == [row._asdict() for row in rows]
        assert prepared.rows(db, email="nobody") == []


def test_a_moment_is_told_in_the_engines_own_form(database: Database, config: Config) -> None:
    account(database, config, EMAIL, Role.OPERATOR, BARCELONA)
    older, younger = (Prepared(select(accounts.c.email).where(one)) for one in (MADE < AT, MADE > AT))
    with database.read() as db:
        made = db.execute(select(accounts.c.created_at)).scalars().one()
        assert not older.rows(db, at=made)
        assert not younger.rows(db, at=made)
        assert older.rows(db, at=made + timedelta(microseconds=1))
        assert younger.rows(db, at=made - timedelta(microseconds=1))


def test_errors_have_the_names_by_which_they_are_caught(database: Database) -> None:
    nowhere = Table("never_made", MetaData(), Column("id"))
    with database.read() as db, pytest.raises((OperationalError, ProgrammingError)):
        Prepared(select(nowhere)).rows(db)
