"""What Mosquitto is told about its clients, in the language of its dynamic security plugin.

Each controller has an account and a role of its own that lets it write to its
own two topics and read its own two and its site's presence: nothing else of the
tree. The cloud is the only one that may change accounts. Commands travel over
the cloud's own connection (`CONTROL`), so a controller that is expelled loses
its live session in the moment the broker reads the message.

Source: mosquitto.org, documentation of the Dynamic Security Plugin; tried with
Mosquitto 2.0.11.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aldaba_cloud.keyring import Keyring
from aldaba_shared.ids import ControllerId, SiteId
from aldaba_shared.topics import PREFIX, Channel, topic

CONTROL: Final = "$CONTROL/dynamic-security/v1"
CLOUD_ACCOUNT: Final = "cloud"
ITERATIONS: Final = 20_000
"""Of PBKDF2 over a random password of 192 bits: the broker spends them on every connection."""

Command = Mapping[str, Any]


def cloud_password(keyring: Keyring) -> str:
    """What the cloud shows the broker; it lies with the other keys and nowhere else."""
    return keyring.secret("broker").hex()


def payload(commands: Sequence[Command]) -> bytes:
    """One message to `CONTROL`; the broker carries commands out in order."""
    return json.dumps({"commands": list(commands)}).encode()


def admit(site: SiteId, controller: ControllerId, password: str | None) -> list[Command]:
    """Give a controller its account; repeated, it changes nothing. Without a password its certificate is asked for."""
    role = _role(controller)
    writes = [may("publishClientSend", topic(site, controller, one)) for one in (Channel.UP, Channel.PRESENCE)]
    reads = [may("subscribeLiteral", topic(site, controller, one)) for one in (Channel.DOWN, Channel.STATE)]
    peers = may("subscribeLiteral", f"{PREFIX}/{site}/+/{Channel.PRESENCE}")
    shown = {} if password is None else {"password": password}
    return [
        {"command": "createRole", "rolename": role, "acls": [*writes, *reads, peers]},
        {"command": "createClient", "username": controller, **shown, "roles": [{"rolename": role}]},
    ]


def expel(controller: ControllerId) -> list[Command]:
    """Take the account away; a live session ends with it."""
    return [
        {"command": "deleteClient", "username": controller},
        {"command": "deleteRole", "rolename": _role(controller)},
    ]


def initial(password: str, salt: bytes) -> bytes:
    """The plugin's file for a broker that has never run: nobody may do anything but the cloud."""
    control, ours = "$CONTROL/dynamic-security/#", f"{PREFIX}/#"
    acls = [may("publishClientSend", one) for one in (control, ours)]
    acls += [may("subscribePattern", one) for one in (control, ours)]
    return first_file(CLOUD_ACCOUNT, password, salt, acls)


def first_file(
    account: str, password: str, salt: bytes, acls: Sequence[Command], others: Sequence[Command] = ()
) -> bytes:
    """The plugin's file with one account that has a password, and what the commands `others` would have made."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    first = {
        "username": account,
        "password": base64.b64encode(digest).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": ITERATIONS,
        "roles": [{"rolename": account}],
    }
    rights = {"publishClientSend": False, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    made = [{key: value for key, value in one.items() if key != "command"} for one in others]
    clients = [first, *(one for one in made if "username" in one)]
    roles = [{"rolename": account, "acls": acls}, *(one for one in made if "username" not in one)]
    return json.dumps({"defaultACLAccess": rights, "clients": clients, "roles": roles}, indent=2).encode()


def may(what: str, where: str) -> Command:
    """Something an account may do on a topic, in the plugin's words."""
    return {"acltype": what, "topic": where, "priority": 0, "allow": True}


def _role(controller: ControllerId) -> str:
    return f"controller-{controller}"
