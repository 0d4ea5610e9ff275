"""A controller that syncs, fresh or with a life behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from aldaba_shared.messages import (
    Kind,
    Modes,
)
from tests.edge.places import FRONT, ME, START, some_rows
from tests.edge.sync_place import Place, command, place_in


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Iterator[Place]:
    place = place_in(tmp_path)
    place.start()
    yield place
    place.stop()


@pytest.fixture(name="settled")
def _settled(place: Place) -> Place:
    """A controller with rules, modes, a command behind it and a line acked."""
    place.files.rows = some_rows(1)
    place.down(Kind.HEAD, place.keys.head(some_rows(1)))
    place.clock.advance(5)
    place.down(Kind.MODES, Modes(ME, 2, START, ()))
    place.down(Kind.COMMAND, replace(command(place), id="first", counter=2))
    assert place.released == [(FRONT, "first")]
    assert place.core.rules.generation == (1, 1)
    assert place.refusals() == []
    place.files.rows = None
    return place
