"""What a door makes of digits that were typed: somebody's PIN, a sealed code, or a guess."""

from aldaba_edge.door_parts import Controller
from aldaba_edge.emergency import is_emergency, opened
from aldaba_edge.factors import First
from aldaba_edge.phones import Judged
from aldaba_edge.ports import PinTyped
from aldaba_shared.decide import Side
from aldaba_shared.ids import DoorId
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Facts


def judged(typed: PinTyped, door: DoorId, side: Side, shared: Controller, first: First | None) -> Judged:
    """The facts about what was typed; a guess is counted and names nobody. May raise what the rules raise.

    After a card only a PIN of the same holder is right: another's says nothing
    about either of them.
    """
    facts = shared.rules.facts(door, typed.key)
    if side is Side.EGRESS:
        return Judged(facts)
    if shared.keypads.frozen(door, side):
        return Judged(Facts(refusal=Reason.PIN_FROZEN))
    if facts.credential is not None and is_emergency(facts.credential):
        return Judged(*opened(facts, facts.credential, shared.uses))
    if _right(facts, first):
        return Judged(facts)
    shared.keypads.typed_wrong(door, side)
    return Judged(Facts(refusal=Reason.PIN_WRONG))


def _right(facts: Facts, first: First | None) -> bool:
    credential = facts.credential
    if credential is None or not credential.enabled:
        return False
    return first is None or first.typed or first.holder == credential.holder
