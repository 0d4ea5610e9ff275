"""Broken builds: each takes one thing out of the software that the world must miss.

A proof that cannot fail proves nothing, so every invariant has a mutant that
breaks it; docs/proof.md lists them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

import cbor2

from aldaba_cloud.fleet import books, filing, ingest
from aldaba_edge import sync
from aldaba_shared.decide import Side
from aldaba_shared.schedule import Schedule
from aldaba_shared.wire import decode


def _schedule_ignored() -> Any:  # noqa: ANN401 - what `patch` returns has no public type
    """Decide takes every schedule for open."""
    return patch.object(Schedule, "covers", lambda _self, _at: True)


def _acks_before_commit() -> Any:  # noqa: ANN401 - same
    """The cloud moves its watermark and acknowledges first, and every fifth commit of lines is then lost."""
    batches = iter(range(1_000_000_000))
    add_lines = books.add_lines

    def forgetful(*given: Any, **named: Any) -> None:  # noqa: ANN401 - the very arguments of what it replaces
        if next(batches) % 5 != 4:  # noqa: PLR2004 - one in five
            add_lines(*given, **named)

    return patch.object(books, "add_lines", forgetful)


def _exits_ignored() -> Any:  # noqa: ANN401 - same
    """Presence takes nobody out: movements toward the street are no movements, here and in the cloud."""
    file_lines = filing.file_lines

    def inward(*given: Any) -> list[filing.Filed]:  # noqa: ANN401 - the very arguments of what it replaces
        return [filed._replace(zone=None) if _leads_out(filed) else filed for filed in file_lines(*given)]

    return patch.object(ingest, "file_lines", inward)


def _leads_out(filed: filing.Filed) -> bool:
    said = filed.event()
    shown = said.get("shown")
    side = shown.get("side") if isinstance(shown, dict) else said.get("side")
    return side in (Side.EGRESS.value, Side.OUT.value)


def _any_signature() -> Any:  # noqa: ANN401 - same
    """A door reads what the cloud says without looking at who signed it."""

    def believing(_kind: Any, _audience: str, envelope: bytes, _ring: Any, shape: type[Any]) -> Any:  # noqa: ANN401 - the very arguments of what it replaces
        return decode(cbor2.loads(envelope).value[2], shape)

    return patch.object(sync, "unseal", believing)


MUTANTS: Final[dict[str, Callable[[], Any]]] = {
    "decide-ignores-schedule": _schedule_ignored,
    "sync-acks-before-commit": _acks_before_commit,
    "presence-ignores-exits": _exits_ignored,
    "door-believes-any-signature": _any_signature,
}


@contextmanager
def applied(name: str | None) -> Iterator[None]:
    """Break the software in the named way for as long as the block lasts; None breaks nothing.

    Raises:
        KeyError: there is no such mutant.
    """
    if name is None:
        yield
        return
    with MUTANTS[name]():
        yield
