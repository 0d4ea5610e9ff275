"""What events mean for presence: the one rule the edge, the cloud and a replay share."""

from msgspec import Struct

from aldaba_shared.events import AccessDecided, AnyEvent, EnteredTogether, Passed, ShadowCompared
from aldaba_shared.ids import HolderId, ZoneId
from aldaba_shared.presence import Order, Stay, unnamed


class Movement(Struct, frozen=True):
    """What a line means for presence: this holder is in this zone from now on."""

    holder: HolderId
    zone: ZoneId


def movement(event: AnyEvent) -> Movement | None:
    """The movement of a holder an event makes, if any."""
    if isinstance(event, AccessDecided):
        holder, into = event.decision.holder, event.into
    elif isinstance(event, Passed | EnteredTogether | ShadowCompared):
        holder, into = event.holder, event.into
    else:
        return None
    return Movement(holder, into) if holder is not None and into is not None else None


def stays_made(event: AnyEvent, order: Order) -> dict[HolderId, Stay]:
    """What an event at this place in the order changes of who is where, a holder or somebody unnamed."""
    made = movement(event)
    if made is not None:
        return {made.holder: Stay(made.zone, order.at, order)}
    if isinstance(event, Passed) and event.into is not None:
        return unnamed(event.into, event.left, order)
    return {}
