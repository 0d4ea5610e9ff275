"""Typed ids: strings that cannot be mistaken for each other, and the one kind of bytes that names a credential.

Ids are chosen by the cloud and opaque to the edge. They hold no name and no
card number, so they may stand in logs, journals and messages.
"""

from typing import NewType

NetworkId = NewType("NetworkId", str)
SiteId = NewType("SiteId", str)
ZoneId = NewType("ZoneId", str)
DoorId = NewType("DoorId", str)
ControllerId = NewType("ControllerId", str)
HolderId = NewType("HolderId", str)
CredentialId = NewType("CredentialId", str)
ContractId = NewType("ContractId", str)
RightId = NewType("RightId", str)
ScheduleId = NewType("ScheduleId", str)

CredentialKey = NewType("CredentialKey", bytes)
"""What a controller looks a credential up by: 32 bytes, a keyed digest. Never a card number."""
