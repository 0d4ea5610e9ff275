"""A door's sticker: a member asks on their own page, and the door answers as if a card had been shown."""

from aldaba_edge.door_parts import Controller
from aldaba_edge.phones import Judged
from aldaba_shared.ids import DoorId, HolderId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Facts


def judged(holder: HolderId, door: DoorId, shared: Controller) -> Judged:
    """What the rules know of somebody who asks by a sticker; reads the rules, and may raise what they raise.

    The rules hold a row for everybody whose plan comes with stickers. Whether this
    door has one is a rule of the door, so that a forged page opens no other.
    """
    facts = shared.rules.facts(door, shared.digest(CredentialKind.STICKER, holder.encode()))
    if facts.credential is not None and not shared.rules.door_rules(door).sticker:
        return Judged(Facts(facts.credential, refusal=Reason.NO_ACCESS_RIGHTS))
    return Judged(facts)
