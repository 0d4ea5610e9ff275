"""After a restore: doors keep what they have until somebody has seen what would come back.

A copy of yesterday knows nothing of the cards that were switched off since. So
every controller is held: its rules are signed anew as they are, and nothing else
is sent. One that says on connecting that it follows exactly what the copy holds
has lost nothing and is let go at once. The others wait for an admin, who is
shown what the doors' own journals know of the lost time
(docs/decisions/0016-after-a-restore-doors-keep-what-they-have.md).
"""

from dataclasses import dataclass
from datetime import datetime

from aldaba_cloud import audit, outbox
from aldaba_cloud.access import service, store
from aldaba_cloud.access.explain import FactsNow
from aldaba_cloud.access.publish import Published, people_of, publish, site_rules
from aldaba_cloud.access.rehearse import OtherEnd, other_ends
from aldaba_cloud.auth import store as auth
from aldaba_cloud.db import ALL_SITES, Work
from aldaba_cloud.errors import Unusable
from aldaba_cloud.fleet import ingest
from aldaba_cloud.fleet import service as fleet
from aldaba_cloud.fleet import store as fleet_store
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.fleet.models import Controller
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.places import store as places
from aldaba_shared.ids import ControllerId
from aldaba_shared.messages import Hello

NOTHING = (0, 0)


class StillHeld(Unusable):
    """A controller wants rules that nobody has looked at since the restore."""

    def __init__(self, controller: ControllerId) -> None:
        super().__init__(
            f"The rules of {controller} were restored and nobody has looked at them yet. "
            "See `aldaba-cloud rules held`, then run `aldaba-cloud rules publish --after-restore`."
        )


@dataclass(frozen=True, slots=True)
class Held:
    """A controller that keeps the rules it has: the generation in this copy, and the one it says it follows."""

    controller: ControllerId
    name: str
    since: datetime
    here: tuple[int, int]
    there: tuple[int, int]
    """(0, 0) until it has been heard."""

    @property
    def heard(self) -> bool:
        """Whether it has connected since the restore; only then are its events of the lost time here."""
        return self.there != NOTHING

    @property
    def lost_versions(self) -> int:
        """How many changes it follows of which this copy knows nothing."""
        return max(0, self.there[1] - self.here[1])


def hold_everything(work: Work) -> int:
    """Begin a new epoch, hold every controller and sign everybody out; returns the epoch."""
    epoch = places.raise_epoch(work)
    fleet_store.hold_controllers(work)
    auth.delete_every_session(work)
    audit.note(work, ALL_SITES, "restored", work.scope.network, epoch=epoch)
    return epoch


def heard(work: Work, sender: Controller, hello: Hello, keyring: Keyring) -> None:
    """Let a controller go that has lost nothing, by the first hello after the restore; `sender` is from before it."""
    if sender.hello is not None or sender.id not in fleet_store.held_since(work):
        return
    known = store.newest_generation(work, sender.id)
    if hello.modes_counter > sender.modes_counter:
        _modes_lost(work, sender, hello)
    elif known is not None and known.set_hash == hello.set_hash:
        fleet_store.let_go(work, sender.id)
        publish(work, sender.site, keyring, controller_keys(work, keyring))


def list_held(work: Work) -> list[Held]:
    """Every controller the caller may see that is held."""
    since = fleet_store.held_since(work)
    here = {one.controller: (one.epoch, one.version) for one in store.newest_generations(work)}
    return [
        Held(one.id, one.name, since[one.id], here.get(one.id, NOTHING), one.confirmed)
        for one in fleet_store.list_controllers(work)
        if one.id in since
    ]


def would_end_otherwise(work: Work, keyring: Keyring) -> list[OtherEnd]:
    """The taps that doors sent since the restore and that the rules of this copy would answer otherwise.

    A card that was switched off in the lost time and was refused since is among
    them; one that was not shown since then is known to nobody but the doors.
    """
    since = min(fleet_store.held_since(work).values(), default=None)
    if since is None:
        return []
    people = people_of(work, keyring)
    return [
        found
        for site in places.list_sites(work)
        for found in other_ends(
            service.taps_of(work, site.id, at=service.EVER, received=since),
            FactsNow(site_rules(work, site.id), people),
        )
    ]


def let_go(work: Work, keyring: Keyring) -> list[Published]:
    """Publish this copy's rules and modes to every controller that was held; somebody has looked at them."""
    for one in list_held(work):
        fleet_store.let_go(work, one.controller)
        known = fleet_store.find_controller(work, one.controller)
        if known is not None:
            fleet_store.next_counter(work, known.id, "modes_counter")
            outbox.tell(work, known.site, fleet.MODES_CHANGED, known.id)
            audit.note(work, known.site, "held_no_longer", known.id, here=one.here, there=one.there)
    return service.publish_everywhere(work, keyring)


def _modes_lost(work: Work, sender: Controller, hello: Hello) -> None:
    """Its doors have modes we know nothing of: they keep them, unless somebody here has set others meanwhile."""
    wanted = sender.modes_counter != sender.modes_confirmed
    fleet_store.adopt_modes_counter(work, sender.id, hello.modes_counter + wanted)
    if not wanted:
        ingest.alarm(work, sender, "modes_lost", counter=hello.modes_counter)
