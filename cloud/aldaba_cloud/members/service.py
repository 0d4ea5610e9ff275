"""Joining, leaving, issuing and revoking. Doors learn about it when rules are published (`access`)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from aldaba_cloud import audit, outbox
from aldaba_cloud.db import ALL_SITES, Work
from aldaba_cloud.errors import Missing, Taken, Unusable
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import store
from aldaba_cloud.members.models import Contract, ContractState, Holder, IssuedCredential, Standing
from aldaba_cloud.places import store as places
from aldaba_shared.ids import ContractId, CredentialId, HolderId, SiteId
from aldaba_shared.keys import CredentialKind, digested_as, looked_up_by


class CardTaken(Taken):
    """A card is one person's. Whose it is stays unsaid: the asker may not see them."""

    def __init__(self, label: str) -> None:
        super().__init__(f"The card {label!r} is enrolled already. Revoke it there first, or take another card.")


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A card or key to be issued. `canonical` is its number in the form `aldaba_shared.keys` tells."""

    holder: HolderId
    kind: CredentialKind
    canonical: bytes = field(repr=False)
    label: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    site: SiteId = ALL_SITES
    duress: bool = False


def is_known(work: Work, kind: CredentialKind, canonical: bytes, keyring: Keyring) -> bool:
    """Whether a number is anybody's in the network, or was."""
    asked = NewCredential(HolderId(""), kind, canonical, "")
    return store.fingerprint_known(work, _fingerprint(asked, keyring))


def issue(work: Work, wanted: NewCredential, keyring: Keyring) -> IssuedCredential:
    """Issue a credential to a holder, at the holder's site; its number is sealed at once."""
    holder = store.find_holder(work, wanted.holder)
    if holder is None:
        raise Missing("holder", wanted.holder)
    if store.fingerprint_known(work, _fingerprint(wanted, keyring)):
        raise CardTaken(wanted.label)
    (issued,) = issue_many(work, [replace(wanted, site=holder.site)], keyring)
    audit.note(work, issued.site, "credential_issued", issued.id, holder=issued.holder, kind=issued.kind)
    return issued


def issue_many(work: Work, wanted: Sequence[NewCredential], keyring: Keyring) -> list[IssuedCredential]:
    """Issue credentials that are known to be new, as an import does."""
    issued = [
        IssuedCredential(
            id=CredentialId(work.new_id("cred")),
            holder=one.holder,
            kind=one.kind,
            label=one.label,
            issued_at=work.now,
            valid_from=one.valid_from,
            valid_until=one.valid_until,
            site=one.site,
            duress=one.duress,
        )
        for one in wanted
    ]
    sealed = ((keyring.seal(one.canonical), _fingerprint(one, keyring)) for one in wanted)
    store.add_credentials(work, ((made, *how) for made, how in zip(issued, sealed, strict=True)))
    return issued


def revoke(work: Work, credential: CredentialId, because: str) -> IssuedCredential:
    """Switch a credential off: lost, stolen, returned. It stays known, so that a door can say so."""
    found = store.find_credential(work, credential)
    if found is None or not store.disable_credential(work, credential, because):
        raise Missing("credential", credential)
    audit.note(work, found.site, "credential_revoked", credential, holder=found.holder, because=because)
    return replace(found, enabled=False, disabled_because=because)


def restore(work: Work, credential: CredentialId) -> IssuedCredential:
    """Switch a credential on again: it was found."""
    found = store.find_credential(work, credential)
    if found is None or not store.enable_credential(work, credential):
        raise Missing("credential", credential)
    audit.note(work, found.site, "credential_restored", credential, holder=found.holder)
    return replace(found, enabled=True, disabled_because="")


def welcome(work: Work, holders: Iterable[Holder]) -> None:
    """Keep new holders."""
    store.add_holders(work, holders)


def change_standing(work: Work, contract: ContractId, standing: Standing) -> Contract:
    """Say how a contract stands with its bills; only this contract's rights follow."""
    return _changed(work, contract, "standing_changed", standing=standing)


def accept_collection(work: Work, contract: ContractId, paid_until: date) -> Contract:
    """Move the next due date on, because it was paid."""
    return _changed(work, contract, "collection_accepted", paid_until=paid_until, standing=Standing.GOOD)


def settle(work: Work, contract: ContractId, standing: Standing, paid_until: date | None) -> Contract:
    """Say how a contract stands with its bills and until when they are settled; None ends nothing by itself."""
    return _changed(work, contract, "contract_settled", standing=standing, paid_until=paid_until)


def pause(work: Work, contract: ContractId, returns_on: date | None) -> Contract:
    """Pause a contract until a day, or until further notice."""
    return _changed(work, contract, "contract_paused", state=ContractState.PAUSED, returns_on=returns_on)


def leave(work: Work, contract: ContractId, ends_on: date) -> Contract:
    """End a contract after a last day; its rights end by themselves then."""
    return _changed(work, contract, "contract_ending", state=ContractState.ENDING, ends_on=ends_on)


def name_person(work: Work, contract: ContractId, holder: HolderId) -> Contract:
    """Name one more person on a contract: its doors open to them with the next rules; whoever pays stays the same.

    Raises:
        Missing: no such contract or holder within the caller's sight.
        Unusable: the contract has ended.
    """
    found, person = store.find_contract(work, contract), store.find_holder(work, holder)
    if found is None:
        raise Missing("contract", contract)
    if person is None:
        raise Missing("holder", holder)
    if found.state is ContractState.ENDED:
        raise Unusable(f"The contract {contract!r} has ended, so nobody can be named on it. Make a new one.")
    if holder in found.people:
        return found
    store.add_person(work, found, holder)
    _tell_doors(work, found, holder)
    audit.note(work, found.site, "person_named", contract, holder=holder)
    return replace(found, people=tuple(sorted((*found.people, holder))))


def unname_person(work: Work, contract: ContractId, holder: HolderId) -> Contract:
    """Take somebody off a contract: what they had by it ends with the next rules; what they carry stays theirs.

    Raises:
        Missing: no such contract within the caller's sight, or nobody of that name on it.
    """
    found = store.find_contract(work, contract)
    if found is None:
        raise Missing("contract", contract)
    if holder not in found.people:
        raise Missing("holder", holder)
    work.stamp(found.site)
    store.remove_person(work, contract, holder)
    _tell_doors(work, found, holder)
    audit.note(work, found.site, "person_unnamed", contract, holder=holder)
    return found.narrowed_to(frozenset(found.people) - {holder})


def _tell_doors(work: Work, contract: Contract, holder: HolderId) -> None:
    """Leave word for whoever publishes rules; a contract of the whole network concerns every site."""
    everywhere = contract.site == ALL_SITES
    for site in [one.id for one in places.list_sites(work)] if everywhere else [contract.site]:
        outbox.tell(work, site, outbox.RIGHTS_CHANGED, holder, {"because": contract.id})


def _changed(work: Work, contract: ContractId, action: str, **values: object) -> Contract:
    found = store.find_contract(work, contract)
    if found is None:
        raise Missing("contract", contract)
    changed = replace(found, **values)  # type: ignore[arg-type]  # the four callers above name real fields
    if not store.save_contract(work, changed):
        raise Missing("contract", contract)
    audit.note(work, found.site, action, contract, **{name: str(value) for name, value in values.items()})
    return changed


def _fingerprint(wanted: NewCredential, keyring: Keyring) -> str:
    return keyring.fingerprint(
        digested_as(wanted.kind).value.encode() + b"\x00" + looked_up_by(wanted.kind, wanted.canonical)
    )
