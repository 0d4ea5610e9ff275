"""The iron of a door: bolt, leaf and contact, or the arm of a turnstile. Pure; knows nothing of software.

What people do to a door and what its lock's power does to it go in; what a
door contact or a passage output would report comes out. Power cuts, fire and
violence are here too, because a simulated world must be able to lie to nobody.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


def lock_has_power(*, level: bool, normally_open: bool, active_low: bool, mains: bool = True) -> bool:
    """Whether a lock's coil has power, from its relay's pin: the wiring followed from the board to the lock.

    A relay pulls on a high level, or on a low one with an active-low board; a
    normally open contact closes when it pulls, a normally closed one opens.
    """
    pulled = not level if active_low else level
    closed = pulled if normally_open else not pulled
    return closed and mains


class Deed(StrEnum):
    """What somebody does to a door."""

    PULL = "pull"  # try the leaf from the secured side
    TURN_HANDLE = "turn_handle"  # from inside: the mechanical way out, which no power denies
    LET_GO = "let_go"  # the closer shuts the leaf
    WEDGE = "wedge"  # keep it from shutting
    FORCE = "force"  # break it open


@dataclass(frozen=True, slots=True)
class Door:
    """A leaf with a lock and a contact. `handle_inside` is whether the way out works by hand."""

    fail_safe: bool
    handle_inside: bool = True
    powered: bool = False
    open: bool = False
    wedged: bool = False

    @property
    def free(self) -> bool:
        """Whether the bolt lets the leaf move: a strike with power, a magnet without."""
        return self.powered is not self.fail_safe

    @property
    def contact_closed(self) -> bool:
        """What the door contact says: closed while the leaf is shut."""
        return not self.open

    def with_power(self, *, powered: bool) -> "Door":
        """The door after its lock's power came or went; a bolt never moves a leaf by itself."""
        return replace(self, powered=powered)

    def after(self, deed: Deed) -> "Door":
        """The door after somebody did this to it; unchanged when it resisted."""
        match deed:
            case Deed.PULL:
                return replace(self, open=self.open or self.free)
            case Deed.TURN_HANDLE:
                return replace(self, open=self.open or self.free or self.handle_inside)
            case Deed.LET_GO:
                return replace(self, open=self.wedged and self.open)
            case Deed.WEDGE:
                return replace(self, wedged=self.open)
            case Deed.FORCE:
                return replace(self, open=True)


class Way(StrEnum):
    """A direction through a turnstile."""

    A = "a"
    B = "b"


class Passage(StrEnum):
    """How a walk into a turnstile ended."""

    PASSED = "passed"
    BLOCKED = "blocked"
    JUMPED = "jumped"  # over the arm: the outputs saw nothing


@dataclass(frozen=True, slots=True)
class Pulse:
    """A passage output going active for so many seconds from an instant."""

    way: Way
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Turnstile:
    """A tripod: each pulse on an unlock input lets one person through that way, or ends by itself.

    `minimum_pulse` and `wait` are the maker's (seconds). With its fire loop
    open the arms are free and everything else is ignored.
    """

    minimum_pulse: float
    wait: float
    pass_pulse: float = 0.5
    fire: bool = False
    unlocked_until: tuple[tuple[Way, float], ...] = ()

    def pulsed(self, way: Way, *, at: float, seconds: float) -> "Turnstile":
        """After an unlock pulse; one that was too short is not seen, a second one starts the wait anew."""
        if self.fire or seconds < self.minimum_pulse:
            return self
        others = tuple(one for one in self.unlocked_until if one[0] is not way)
        return replace(self, unlocked_until=(*others, (way, at + self.wait)))

    def with_fire(self, *, loop_open: bool) -> "Turnstile":
        """After the fire loop opened or closed; what was unlocked before is forgotten."""
        return replace(self, fire=loop_open, unlocked_until=())

    def free(self, way: Way, at: float) -> bool:
        """Whether the arm gives way now."""
        return self.fire or any(unlocked is way and at < until for unlocked, until in self.unlocked_until)

    def walked(self, way: Way, at: float, *, jump: bool = False) -> tuple["Turnstile", Passage, tuple[Pulse, ...]]:
        """One person walks in: the turnstile after it, how it ended, and what the outputs show."""
        if jump:
            return self, Passage.JUMPED, ()
        if not self.free(way, at):
            return self, Passage.BLOCKED, ()
        others = tuple(one for one in self.unlocked_until if one[0] is not way)
        return replace(self, unlocked_until=others), Passage.PASSED, (Pulse(way, at, self.pass_pulse),)
