"""Keeps the broker's accounts and its revocation list as the database has controllers.

Nothing here decides who is believed: that is `fleet.service.retire`. This carries
it to a broker that takes accounts from us; another broker knows its clients by a
file of its own, and then a retired controller is shut out by its signature alone.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from aldaba_cloud import broker_accounts
from aldaba_cloud.authority import Authority
from aldaba_cloud.fleet import certificates, site_broker, store
from aldaba_cloud.keyring import Keyring
from aldaba_shared.ids import ControllerId, SiteId


@dataclass(frozen=True, slots=True)
class Accounts:
    """The broker's accounts, and the file of certificates it must refuse, if it reads one."""

    keyring: Keyring
    authority: Authority
    revocations: Path | None

    def everybody(self, db: Connection) -> Iterator[bytes]:
        """Messages that admit every controller in use: a broker may have lost its file, or be a new one."""
        for site, controller, sealed in store.broker_accounts(db):
            yield self._admission(site, controller, sealed)

    def admitted(self, db: Connection, controller: ControllerId) -> Iterator[bytes]:
        """The message that gives a controller its account; none if it was retired meanwhile."""
        for site, known, sealed in store.broker_accounts(db, controller):
            yield self._admission(site, known, sealed)

    def expelled(self, controller: ControllerId) -> bytes:
        """The message that takes the account away and ends the session."""
        return broker_accounts.payload(broker_accounts.expel(controller))

    def at_site(self, db: Connection, site: SiteId) -> bytes:
        """What the broker of a site's own is told through its bridge; retained, so it may be away meanwhile."""
        return broker_accounts.payload(site_broker.accounts_at_site(site, *store.controllers_at(db, site)))

    def _admission(self, site: SiteId, controller: ControllerId, sealed: bytes) -> bytes:
        password = self.keyring.unseal(sealed).decode()
        return broker_accounts.payload(broker_accounts.admit(site, controller, password))

    def write_revocations(self, db: Connection, now: datetime) -> None:
        """Write the list anew, whole or not at all; whoever runs the broker has it reloaded when the file changes."""
        if self.revocations is None:
            return
        listed = self.authority.revocations(certificates.revoked(db, now), now)
        new = self.revocations.with_name(self.revocations.name + ".new")
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as out:
            out.write(listed)
            out.flush()
            os.fsync(out.fileno())
        new.replace(self.revocations)
