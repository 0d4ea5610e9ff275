"""Which drivers there are, and how a configured device becomes one.

A device in the configuration names a profile (`pn532-hsu`) or, where no
profile exists, a driver (`gpio-contact`). The profile's options are the
defaults, the configuration's come on top, and the driver's own struct judges
the sum. Built-in drivers are listed in `builtin`; others come from installed
distributions through the entry-point group `aldaba.drivers`, each entry a
mapping from driver name to `DriverFactory`. No driver's module is imported
before one of its devices is built.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import entry_points
from typing import Any, cast

import msgspec

from aldaba_edge.ports import NO_CARD_KEYS, CardWays, Contact, Digest, Indicator, Lock, Reader
from aldaba_profiles.catalog import Catalog, CatalogError, load_catalog
from aldaba_profiles.mistakes import mistakes_in
from aldaba_shared.errors import AldabaError

ENTRY_POINTS = "aldaba.drivers"


class Kind(StrEnum):
    """What a driver drives."""

    READER = "reader"
    LOCK = "lock"
    CONTACT = "contact"
    INDICATOR = "indicator"
    PINS = "pins"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a driver may need beside its options; without a pins' factory gpiozero uses its own.

    `buses` are the lines that several devices share, by their path; the first device on one makes it.
    """

    digest: Digest | None = None
    pins: Any = None
    buses: dict[str, Any] = field(default_factory=dict)
    cards: CardWays = NO_CARD_KEYS


@dataclass(frozen=True, slots=True)
class DriverFactory:
    """One driver: what it drives, the struct its options must fit, and how it is built from both."""

    kind: Kind
    options: type[msgspec.Struct]
    build: Callable[[Any, Parts], object]


class DriverNotFound(AldabaError):
    """A configured device names neither a profile nor a driver."""

    code = "driver_not_found"

    def __init__(self, kind: Kind, name: str, known: list[str]) -> None:
        super().__init__(f"No {kind} is called {name!r}. Use one of: {', '.join(known)}.")


class DriverMisconfigured(AldabaError):
    """A device's options do not fit its driver; all mistakes are listed."""

    code = "driver_misconfigured"

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("A device cannot be used as configured. Mend this:\n" + "\n".join(mistakes))
        self.mistakes = mistakes


class DriverUnavailable(AldabaError):
    """A driver's library is not installed, or a plug-in is no mapping of drivers."""

    code = "driver_unavailable"


class Registry:
    """All drivers and profiles of this installation; builds devices."""

    def __init__(self, drivers: Mapping[str, DriverFactory], catalog: Catalog) -> None:
        self._drivers = drivers
        self.catalog = catalog
        self._pins: Any = None
        self._buses: dict[str, Any] = {}

    def names(self, kind: Kind) -> list[str]:
        """What a configuration may name: profiles of this kind, then drivers."""
        profiles = self.catalog.names(kind) if kind in self.catalog.profiles else []
        return [*profiles, *sorted(name for name, driver in self._drivers.items() if driver.kind is kind)]

    def check(self, kind: Kind, name: str, options: Mapping[str, object]) -> list[str]:
        """Every mistake in naming a device so, each a sentence; empty when it can be built."""
        try:
            driver, merged = self._resolve(kind, name, options)
        except AldabaError as error:
            return [str(error)]
        return mistakes_in(driver.options, merged, f"{kind} {name}")

    def use_pins(self, name: str, options: Mapping[str, object]) -> None:
        """Put every pin built from now on, on this factory: `native` (what gpiozero finds) or a plug-in's."""
        self._pins = self._build(Kind.PINS, name, options, Parts())

    def reader(
        self, name: str, options: Mapping[str, object], digest: Digest, cards: CardWays = NO_CARD_KEYS
    ) -> Reader:
        """A reader by profile or driver name, not yet open."""
        return cast("Reader", self._build(Kind.READER, name, options, Parts(digest, self._pins, self._buses, cards)))

    def lock(self, name: str, options: Mapping[str, object]) -> Lock:
        """A lock, already driven to its secured level."""
        return cast("Lock", self._build(Kind.LOCK, name, options, Parts(pins=self._pins, buses=self._buses)))

    def contact(self, name: str, options: Mapping[str, object]) -> Contact:
        """A debounced input, not yet open."""
        return cast("Contact", self._build(Kind.CONTACT, name, options, Parts(pins=self._pins)))

    def indicator(self, name: str, options: Mapping[str, object]) -> Indicator:
        """Lamps and a buzzer, dark."""
        return cast("Indicator", self._build(Kind.INDICATOR, name, options, Parts(pins=self._pins)))

    def close(self) -> None:
        """Let the pins' factory go, after every device has been closed; idempotent."""
        pins, self._pins = self._pins, None
        if pins is not None:
            pins.close()

    def _resolve(
        self, kind: Kind, name: str, options: Mapping[str, object]
    ) -> tuple[DriverFactory, Mapping[str, object]]:
        profile = self.catalog.profiles.get(kind, {}).get(name)
        driver_name = getattr(profile, "driver", name)
        driver = self._drivers.get(driver_name)
        if driver is None or driver.kind is not kind:
            raise DriverNotFound(kind, driver_name, self.names(kind))
        return driver, {**getattr(profile, "options", {}), **options}

    def options(self, kind: Kind, name: str, options: Mapping[str, object]) -> msgspec.Struct:
        """What the driver will be told: the profile's options with the configuration's on top.

        Raises:
            DriverNotFound: neither a profile nor a driver is called so.
            DriverMisconfigured: with every mistake.
        """
        driver, merged = self._resolve(kind, name, options)
        mistakes = mistakes_in(driver.options, merged, f"{kind} {name}")
        if mistakes:
            raise DriverMisconfigured(mistakes)
        return msgspec.convert(merged, driver.options)

    def _build(self, kind: Kind, name: str, options: Mapping[str, object], parts: Parts) -> object:
        judged = self.options(kind, name, options)
        driver, _ = self._resolve(kind, name, options)
        try:
            return driver.build(judged, parts)
        except ImportError as error:
            message = f"{kind} {name} needs a library that is missing ({error.name}): install the edge's extra for it."
            raise DriverUnavailable(message) from error


def load_registry() -> Registry:
    """The built-in drivers, those of installed plug-ins, and the profiles.

    Raises:
        DriverUnavailable: a plug-in offers something that is no mapping of drivers.
        DriverMisconfigured: a profile file has mistakes.
    """
    from aldaba_edge.drivers.builtin import BUILTIN  # noqa: PLC0415 - it imports this module for its types

    drivers = dict(BUILTIN)
    for entry in entry_points(group=ENTRY_POINTS):
        offered = entry.load()
        if not isinstance(offered, Mapping) or not all(isinstance(one, DriverFactory) for one in offered.values()):
            message = f"The plug-in {entry.value} offers no mapping of drivers. Update or remove its package."
            raise DriverUnavailable(message)
        drivers.update(offered)
    try:
        return Registry(drivers, load_catalog())
    except CatalogError as error:
        raise DriverMisconfigured([str(error)]) from error
