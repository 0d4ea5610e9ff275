"""The cloud of the simulated world compiles its statements once a process."""

from tests.compiled_once import compiled_once

__all__ = ["compiled_once"]
