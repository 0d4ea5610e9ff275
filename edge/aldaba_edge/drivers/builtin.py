"""The drivers that come with the edge. Each builder imports its module only when a device is built."""

# ruff: noqa: PLC0415 - lazy imports are this module's purpose: no gpiozero, pyserial or pyscard before a device needs it

import os
from collections.abc import Mapping
from typing import Any

from aldaba_edge.drivers import options as told
from aldaba_edge.drivers.registry import DriverFactory, DriverUnavailable, Kind, Parts
from aldaba_edge.ports import Contact, Digest, Indicator, Lock, Reader


def _digest(parts: Parts) -> Digest:
    if parts.digest is None:
        raise DriverUnavailable("A reader was built without the controller's key; build readers with Registry.reader.")
    return parts.digest


def _pn532(options: told.Pn532Options, parts: Parts) -> Reader:
    from aldaba_edge.drivers.negotiation import Negotiation
    from aldaba_edge.drivers.pn532_serial import Pn532Reader

    return Pn532Reader(options, Negotiation(options.accepts, _digest(parts), parts.cards))


def _wiegand(options: told.WiegandOptions, parts: Parts) -> Reader:
    from aldaba_edge.drivers.wiegand_gpio import WiegandReader

    return WiegandReader(options, _digest(parts), parts.pins)


def _scanner(options: told.ScannerOptions, _parts: Parts) -> Reader:
    from aldaba_edge.drivers.scanner_serial import ScannerReader

    return ScannerReader(options)


def _pcsc(options: told.PcscOptions, parts: Parts) -> Reader:
    from aldaba_edge.drivers.negotiation import Negotiation
    from aldaba_edge.drivers.pcsc import PcscReader

    return PcscReader(options, Negotiation(options.accepts, _digest(parts), parts.cards))


def _osdp(options: told.OsdpOptions, parts: Parts) -> Reader:
    from aldaba_edge.drivers.osdp_bus import OsdpBus
    from aldaba_edge.drivers.osdp_serial import OsdpReader

    if options.path not in parts.buses:
        parts.buses[options.path] = OsdpBus(options.path, options.baud, options.retry_ms / 1000)
    return OsdpReader(options, _digest(parts), parts.buses[options.path])


def _lock(options: told.GpioLockOptions, parts: Parts) -> Lock:
    from aldaba_edge.drivers.gpio import GpioLock

    return GpioLock(options, parts.pins)


def _i2c_lock(options: told.I2cLockOptions, parts: Parts) -> Lock:
    from aldaba_edge.drivers.i2c_relays import I2cLock, RelayBoard
    from aldaba_profiles.catalog import load_catalog

    relays = load_catalog().board(options.board).i2c
    if relays is None or options.address not in relays.addresses or options.relay > relays.relays:
        message = f"Board {options.board} has no relay {options.relay} at the I2C address {options.address:#04x}."
        raise DriverUnavailable(f"{message} Look at its profile: `aldaba-edge profiles board --json`.")
    where = f"{options.bus} {options.address}"
    if where not in parts.buses:
        parts.buses[where] = RelayBoard(_i2c_bus(options.bus, parts), options.address, relays)
    return I2cLock(options, parts.buses[where])


def _i2c_bus(path: str, parts: Parts) -> Any:  # noqa: ANN401 - smbus2 ships no types
    """The pins' own bus where they have one, as simulated pins do; else the kernel's."""
    if path not in parts.buses:
        plugged_in = getattr(parts.pins, "i2c", None)
        if plugged_in is not None:
            parts.buses[path] = plugged_in(path)
        else:
            from smbus2 import SMBus

            parts.buses[path] = SMBus(path)
    return parts.buses[path]


def _contact(options: told.GpioContactOptions, parts: Parts) -> Contact:
    from aldaba_edge.drivers.gpio import GpioContact

    return GpioContact(options, parts.pins)


def _indicator(options: told.GpioIndicatorOptions, parts: Parts) -> Indicator:
    from aldaba_edge.drivers.gpio import GpioIndicator

    return GpioIndicator(options, parts.pins)


def _native_pins(_options: told.NativePinsOptions, _parts: Parts) -> object:
    if os.environ.get("GPIOZERO_PIN_FACTORY", "lgpio") != "lgpio":
        return None  # gpiozero's own switch, by which a test or a bench chooses its pins
    from aldaba_edge.drivers.native_pins import open_native_pins

    return open_native_pins()


BUILTIN: Mapping[str, DriverFactory] = {
    "pn532-serial": DriverFactory(Kind.READER, told.Pn532Options, _pn532),
    "wiegand-gpio": DriverFactory(Kind.READER, told.WiegandOptions, _wiegand),
    "scanner-serial": DriverFactory(Kind.READER, told.ScannerOptions, _scanner),
    "osdp-serial": DriverFactory(Kind.READER, told.OsdpOptions, _osdp),
    "pcsc": DriverFactory(Kind.READER, told.PcscOptions, _pcsc),
    "gpio-lock": DriverFactory(Kind.LOCK, told.GpioLockOptions, _lock),
    "i2c-lock": DriverFactory(Kind.LOCK, told.I2cLockOptions, _i2c_lock),
    "gpio-contact": DriverFactory(Kind.CONTACT, told.GpioContactOptions, _contact),
    "gpio-indicator": DriverFactory(Kind.INDICATOR, told.GpioIndicatorOptions, _indicator),
    "native": DriverFactory(Kind.PINS, told.NativePinsOptions, _native_pins),
}
