"""What every event is."""

from msgspec import Struct


class Event(Struct, frozen=True, tag_field="kind", omit_defaults=True):
    """Something that happened; the tag is its name on the wire, a past participle."""
