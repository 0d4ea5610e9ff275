"""What the rules say about one credential at one door: `Facts`, and the port that fetches them.

Facts are frozen data. The door decides on them, every event carries them (ids,
no names), and the cloud explains and rehearses with the same ones.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from aldaba_shared.ids import ContractId, CredentialId, CredentialKey, DoorId, HolderId, RightId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from aldaba_shared.schedule import Schedule
from aldaba_shared.wire import Moment


class Credential(Struct, frozen=True, omit_defaults=True):
    """A credential the rules know, and the switches of its holder that matter at a door."""

    id: CredentialId
    holder: HolderId
    kind: CredentialKind
    enabled: bool = True
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    essential: bool = False
    """May enter while the rules are too old: staff, cleaners and emergency keys, as the admin marks them."""
    long_access: bool = False
    """Needs more time at the door."""
    duress: bool = False
    """A PIN that opens like any other and calls for help; nothing at the door tells it apart."""


class Right(Struct, frozen=True, omit_defaults=True):
    """A holder may pass this door, within a schedule, until the right ends by itself.

    `contract` is None for holders without a contract, whom no billing state can
    refuse. `valid_until` is excluded. A right that `renews` ends when payment
    stops moving it on, so its end is a matter of standing and not of rights.
    """

    id: RightId
    schedule: Schedule
    valid_from: Moment
    valid_until: Moment | None = None
    contract: ContractId | None = None
    good_standing: bool = True
    renews: bool = False

    def unpaid(self, at: datetime) -> bool:
        """Whether a payment, and nothing else, keeps this right from holding."""
        if self.contract is None or at < self.valid_from:
            return False
        return not self.good_standing or (self.renews and self._ended(at))

    def in_force(self, at: datetime) -> bool:
        """Whether the right holds at this instant, schedule apart."""
        return at >= self.valid_from and self.good_standing_or_free and not self._ended(at)

    def in_schedule(self, at: datetime) -> bool:
        """Whether the right holds at this instant by its schedule, without anybody coming back."""
        return self.in_force(at) and self.schedule.covers(at)

    @property
    def good_standing_or_free(self) -> bool:
        """Standing is a matter of contracts; who has none cannot be in a bad one."""
        return self.contract is None or self.good_standing

    def _ended(self, at: datetime) -> bool:
        return self.valid_until is not None and at >= self.valid_until


class Facts(Struct, frozen=True, omit_defaults=True):
    """All that the rules say about what was shown, at this door.

    `refusal` is set when the credential itself already answered: a pass that is
    unreadable, meant for another door, used up or replayed, a wrong PIN.
    """

    credential: Credential | None = None
    rights: tuple[Right, ...] = ()
    refusal: Reason | None = None

    @property
    def lets_back(self) -> bool:
        """Whether any right lets people come back after its schedule ended."""
        return any(right.schedule.reentry_minutes for right in self.rights)

    def on_day_of(self, at: datetime) -> "Facts":
        """The same facts, with schedules cut to the local day of `at`: what an event carries."""
        return replace(
            self, rights=tuple(replace(right, schedule=right.schedule.only_day_of(at)) for right in self.rights)
        )


NOTHING_KNOWN = Facts()


class Rules(Protocol):
    """Where facts come from: a SQLite file on the edge, memory in the cloud and in tests."""

    def facts(self, door: DoorId, key: CredentialKey) -> Facts:
        """Everything about this credential at this door, by one lookup."""


class MemoryRules:
    """Rules as dictionaries: the naive form, for rehearsals and tests."""

    def __init__(
        self,
        credentials: Mapping[CredentialKey, Credential],
        rights: Iterable[tuple[DoorId, HolderId, Right]],
    ) -> None:
        self._credentials = dict(credentials)
        self._rights: dict[tuple[DoorId, HolderId], tuple[Right, ...]] = {}
        for door, holder, right in rights:
            self._rights[door, holder] = (*self._rights.get((door, holder), ()), right)

    def facts(self, door: DoorId, key: CredentialKey) -> Facts:
        """Everything about this credential at this door."""
        credential = self._credentials.get(key)
        if credential is None:
            return NOTHING_KNOWN
        return Facts(credential, self._rights.get((door, credential.holder), ()))
