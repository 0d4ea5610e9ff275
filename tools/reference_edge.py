"""The page of the reference about the configuration of a controller."""

from collections.abc import Iterator
from typing import TypeAlias

import msgspec
from msgspec import inspect

from aldaba_edge.config import Board, Config, Device, Door, Lock, Relay, SidedDevice
from tools.markdown import page, table
from tools.notes import notes

Struct: TypeAlias = type[msgspec.Struct]
TABLES: tuple[tuple[str, Struct], ...] = (
    ("The file", Config),
    ("A door: `[[door]]`", Door),
    ("`lock` and `lock_out`", Lock),
    ("`relay`", Relay),
    ("`board`", Board),
    ("A device", Device),
    ("A device on a side: `readers` and `indicators`", SidedDevice),
)

NAMES = {SidedDevice: "a device on a side", Device: "a device"}


def _number(name: str, lowest: float | None, highest: float | None) -> str:
    return f"{name}, {lowest or 0} to {highest}" if highest is not None else name


def kind(given: inspect.Type) -> str:
    """What may be written for a value, for people."""
    match given:
        case inspect.BoolType():
            return "`true` or `false`"
        case inspect.IntType():
            return _number("a whole number", given.ge, given.le)
        case inspect.FloatType():
            return (
                _number("a number", given.ge, given.le)
                if given.gt is None
                else f"more than {given.gt}, up to {given.le}"
            )
        case inspect.LiteralType():
            return " or ".join(f'`"{value}"`' for value in given.values)
        case inspect.UnionType():
            return " or ".join(kind(one) for one in given.types if one != inspect.NoneType())
        case inspect.StructType():
            return f"a table: {NAMES.get(given.cls, given.cls.__name__.lower())}"
        case inspect.ListType():
            return f"a list, each {kind(given.item_type)}"
        case inspect.DictType():
            return "a table"
    return "text"


def _default(field: inspect.Field) -> str:
    if field.required:
        return "**must be said**"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    return f"`{value}`" if isinstance(value, int | float) else ""


def _classes(struct: Struct) -> list[Struct]:
    return [one for one in struct.__mro__ if issubclass(one, msgspec.Struct) and one is not msgspec.Struct]


def _said(struct: Struct) -> dict[str, str]:
    """Notes below fields, those of the bases included."""
    return {name: text for one in reversed(_classes(struct)) for name, text in notes(one)}


def _rows(struct: Struct) -> Iterator[list[str]]:
    found = inspect.type_info(struct)
    said = _said(struct)
    for field in found.fields if isinstance(found, inspect.StructType) else ():
        yield [f"`{field.encode_name}`", kind(field.type), _default(field), said.get(field.name, "")]


def _section(title: str, struct: Struct) -> str:
    head = ["setting", "what it may be", "default", "what it is"]
    return f"## {title}\n\n{struct.__doc__}\n\n{table(head, _rows(struct))}"


def edge_settings() -> str:
    """Every setting of `aldaba-edge`."""
    return page(
        "Settings of a controller",
        "One TOML file, `/etc/aldaba/edge.toml` unless another is named.",
        "`aldaba-edge check` tells every mistake in it at once.\n",
        *(_section(title, struct) for title, struct in TABLES),
    )
