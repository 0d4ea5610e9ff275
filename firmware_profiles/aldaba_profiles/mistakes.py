"""Every mistake in a mapping at once, so that a person mends a file in one go and not in ten."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def mistakes_in(struct: type[msgspec.Struct], found: Mapping[str, object], where: str) -> list[str]:
    """What keeps `found` from being a `struct`: missing keys, unknown keys, wrong values; empty when nothing does.

    What a struct's `__post_init__` refuses is told once every key is right by itself.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    known = ", ".join(sorted(fields))
    missing = [name for name, field in fields.items() if field.required and name not in found]
    mistakes = [f"{where}: {name} is missing; it has no default." for name in missing]
    for name, value in found.items():
        if name not in fields:
            mistakes.append(f"{where}: {name} is not known here; use one of: {known}.")
            continue
        wrong = _why_wrong(value, fields[name].type)
        mistakes += [f"{where}: {name}: {wrong}."] if wrong else []
    if not mistakes and (wrong := _why_wrong(found, struct)):
        mistakes.append(f"{where}: {wrong}.")
    return mistakes


def _why_wrong(value: object, wanted: Any) -> str:  # noqa: ANN401 - any type msgspec can convert to
    try:
        msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        return f"{error}"
    return ""
