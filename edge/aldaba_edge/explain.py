"""Why a door answered as it did: the very decision, run again on the facts its line carries."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aldaba_edge import config as told
from aldaba_edge.card_secrets import CardSecrets
from aldaba_edge.inspection import journal_of, rules_of
from aldaba_edge.keyfile import read_identity
from aldaba_shared.decide import Decision, DoorNow, PresenceNow, Presented, Side, decide
from aldaba_shared.errors import AldabaError
from aldaba_shared.events import AccessDecided, read_line
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Language, sentence


class CannotExplain(AldabaError):
    """There is no decision to explain."""

    code = "cannot_explain"


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision run again, beside the one the door gave; a what-if has only the first."""

    shown: Presented
    again: Decision
    given: Decision | None = None
    sequence: int | None = None

    @property
    def same(self) -> bool:
        """Whether the decision comes out as the door gave it."""
        return self.given is None or self.given == self.again

    @property
    def exit_code(self) -> int:
        """0 for a grant, 1 for a denial, 2 when the line does not explain itself."""
        if not self.same:
            return 2
        return 0 if self.again.granted else 1

    def as_dict(self, language: Language) -> dict[str, Any]:
        """For programs."""
        return {
            "sequence": self.sequence,
            "door": self.shown.door,
            "side": self.shown.side.value,
            "at": self.shown.at.isoformat(),
            "granted": self.again.granted,
            "reason": self.again.reason.value,
            "sentence": sentence(self.again.reason, language),
            "notices": [notice.value for notice in self.again.notices],
            "same": self.same,
        }

    def for_people(self, language: Language) -> str:
        """For people."""
        answer = "yes" if self.again.granted else "no"
        text = f"{self.shown.door}, {self.shown.at.isoformat()}: {answer}. {sentence(self.again.reason, language)}"
        lines = [f"{text} ({self.again.reason.value})"]
        if self.given is not None and not self.same:
            lines.append(f"The line says {self.given.reason.value}: it was not decided by this software.")
        return "\n".join(lines)


def event(config: told.Config, sequence: int) -> Explained:
    """Run a line's decision again.

    Raises:
        CannotExplain: there is no such line, or nothing was decided in it.
    """
    with journal_of(config) as journal:
        rows = journal.lines(sequence, 1)
    if not rows or rows[0][0] != sequence:
        raise CannotExplain(
            f"There is no line {sequence} on this controller. `aldaba-edge events` shows the last ones."
        )
    line = read_line(rows[0][2])
    if not isinstance(line.event, AccessDecided):
        kind = line.event.__struct_config__.tag
        raise CannotExplain(f"Line {sequence} is {kind}: nothing was decided in it. Give one that is access_decided.")
    return Explained(line.event.shown, line.event.again(), line.event.decision, sequence)


def what_if(config: told.Config, door: str, card: str, moment: str | None) -> Explained:
    """What a door would say to a card, by the rules in force, with nobody inside.

    Raises:
        CannotExplain: no such door, no UID, or no moment.
    """
    named = config.named(door)
    if named is None:
        raise CannotExplain(f"This controller has no door {door!r}. Its doors: {', '.join(d.id for d in config.door)}.")
    rules = rules_of(config)
    try:
        answer = read_identity(config.data / "identity").answer
        known = CardSecrets(answer.controller, answer.controller_key)
        known.follow(lambda: rules.secrets)
        key = known.digest(CredentialKind.UID, _uid(card))
        facts = rules.facts(named.door_id, key)
        at = _moment(moment)
        now = DoorNow(rules_issued_at=at, offline_grace_hours=named.offline_grace_hours)
        shown = Presented(named.door_id, Side.IN, CredentialKind.UID, at)
        return Explained(shown, decide(shown, facts, PresenceNow(), now))
    finally:
        rules.close()


def _uid(card: str) -> bytes:
    try:
        return bytes.fromhex(card.replace(":", ""))
    except ValueError as error:
        raise CannotExplain(f"{card!r} is no UID. Write it in hexadecimal, such as 04536b4a2f7080.") from error


def _moment(moment: str | None) -> datetime:
    if moment is None:
        return datetime.now(UTC)
    try:
        return datetime.fromisoformat(moment).astimezone(UTC)
    except ValueError as error:
        raise CannotExplain(f"{moment!r} is no moment. Write it such as 2026-11-23T18:30+01:00.") from error
