"""The one value every codec answers junk with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are no frame. `why` is a code such as `pn532_data_checksum`, never the bytes themselves."""

    why: str
