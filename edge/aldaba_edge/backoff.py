"""How long to wait for a device that was lost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before trying a lost device again: doubled from `first` to `longest`, in seconds."""

    first: float = 0.5
    longest: float = 30.0

    def after(self, failures: int) -> float:
        """The pause after this many failures in a row, counted from one."""
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 16))
