"""A broker of a site's own, bridged to the cloud's: plain Mosquitto configuration, written and never run by us.

The doors of the site connect to it. While the bridge stands it carries their
lines up and the cloud's words down; when it is cut the doors still hear each
other's presence, so passback, limits and interlocks go on across them, and their
lines wait on their own disks for the cloud's signed ack. The bridge is a
courier: everything it carries is signed end to end, so who owns this broker can
delay and nothing else.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import pbkdf2_hmac
from typing import Any, Final, TypeAlias

from aldaba_shared.ids import ControllerId, SiteId
from aldaba_shared.topics import PREFIX, Channel, topic

ITERATIONS: Final = 101
"""What mosquitto_passwd uses. The passwords are random and 128 bits long: no list of guesses holds them."""
SALT_BYTES: Final = 12

ANY: Final = "+"

Command: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cloud:
    """The cloud's broker, as the bridge reaches it."""

    host: str
    port: int
    password: str = field(repr=False)
    """The bridge's own; its user name is `account(site)`."""
    tls: bool = True
    """By the authority's certificate and the bridge's own, as the doors of other sites do."""


@dataclass(frozen=True, slots=True)
class Here:
    """Where the site's broker listens and keeps its files."""

    folder: str
    listen: str = "0.0.0.0"  # noqa: S104 - the doors of the site are on other machines
    port: int = 8883
    tls: bool = True
    """Doors come in by certificate; without it anybody on the site's network can read presence."""


def account(site: SiteId) -> str:
    """The bridge's user name at the cloud's broker."""
    return f"site-{site}"


def configuration(site: SiteId, cloud: Cloud, here: Here) -> str:
    """`mosquitto.conf` of the site's broker."""
    return "\n".join([*_listener(here), "", *_bridge(site, cloud, here.folder), ""])


def _listener(here: Here) -> list[str]:
    tls = [
        f"cafile {here.folder}/authority.crt",
        f"certfile {here.folder}/broker.crt",
        f"keyfile {here.folder}/broker.key",
        f"crlfile {here.folder}/revocations.pem",
        "require_certificate true",
        "# Who somebody is stands in the certificate; a name and a password are not looked at.",
        "use_identity_as_username true",
        "tls_version tlsv1.2",
    ]
    return [
        "# Written by `aldaba-cloud site-broker`: write it again rather than editing it.",
        "per_listener_settings false",
        "allow_anonymous false",
        f"password_file {here.folder}/passwords",
        f"acl_file {here.folder}/acl",
        "persistence true",
        f"persistence_location {here.folder}/",
        "autosave_interval 30",
        "max_queued_messages 100000",
        "# Doors ask for no delay: a tap's answer at the next door waits for this.",
        "set_tcp_nodelay true",
        f"listener {here.port} {here.listen}",
        *(tls if here.tls else []),
    ]


def _bridge(site: SiteId, cloud: Cloud, folder: str) -> list[str]:
    def carried(channel: Channel, way: str) -> str:
        return f"topic {PREFIX}/{site}/{ANY}/{channel} {way} 1"

    tls = [
        f"bridge_cafile {folder}/authority.crt",
        f"bridge_certfile {folder}/bridge.crt",
        f"bridge_keyfile {folder}/bridge.key",
    ]
    return [
        f"connection aldaba-{site}",
        f"address {cloud.host}:{cloud.port}",
        f"remote_username {account(site)}",
        f"remote_password {cloud.password}",
        f"remote_clientid {account(site)}",
        f"local_clientid bridge-{site}",
        "bridge_protocol_version mqttv311",
        "# Between two Mosquittos a retained message stays retained.",
        "try_private true",
        "cleansession false",
        "notifications false",
        "bridge_attempt_unsubscribe false",
        "start_type automatic",
        "restart_timeout 1 15",
        "keepalive_interval 15",
        *(tls if cloud.tls else []),
        carried(Channel.UP, "out"),
        carried(Channel.PRESENCE, "out"),
        carried(Channel.STATE, "in"),
        carried(Channel.DOWN, "in"),
    ]


def doors_acl(site: SiteId, controllers: list[ControllerId]) -> str:
    """What each controller may do at its broker: speak as itself, hear what is meant for it, hear its peers."""
    lines = []
    for one in controllers:
        lines += [
            f"user {one}",
            f"topic write {topic(site, one, Channel.UP)}",
            f"topic write {topic(site, one, Channel.PRESENCE)}",
            f"topic read {topic(site, one, Channel.DOWN)}",
            f"topic read {topic(site, one, Channel.STATE)}",
            f"topic read {PREFIX}/{site}/{ANY}/{Channel.PRESENCE}",
            "",
        ]
    return "\n".join(lines)


def bridge_acl(site: SiteId) -> str:
    """What the bridge may do at the cloud's broker: the topics of its own site."""
    return "\n".join(
        [
            f"user {account(site)}",
            f"topic write {PREFIX}/{site}/{ANY}/{Channel.UP}",
            f"topic write {PREFIX}/{site}/{ANY}/{Channel.PRESENCE}",
            f"topic read {PREFIX}/{site}/{ANY}/{Channel.STATE}",
            f"topic read {PREFIX}/{site}/{ANY}/{Channel.DOWN}",
            "",
        ]
    )


def bridge_commands(site: SiteId, password: str) -> list[Command]:
    """The same as `bridge_acl`, for a broker that takes its accounts by its dynamic security plugin."""
    role = f"bridge-{account(site)}"

    def may(what: str, channel: Channel) -> Command:
        return {"acltype": what, "topic": f"{PREFIX}/{site}/{ANY}/{channel}", "priority": 0, "allow": True}

    writes = [may("publishClientSend", one) for one in (Channel.UP, Channel.PRESENCE)]
    reads = [may("subscribePattern", one) for one in (Channel.STATE, Channel.DOWN)]
    return [
        {"command": "createRole", "rolename": role, "acls": [*writes, *reads]},
        {"command": "createClient", "username": account(site), "password": password, "roles": [{"rolename": role}]},
    ]


def password_line(user: str, password: str, salt: bytes) -> str:
    """A line of a Mosquitto password file, as `mosquitto_passwd` writes it: PBKDF2 with SHA-512."""
    digest = pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"{user}:$7${ITERATIONS}${b64encode(salt).decode()}${b64encode(digest).decode()}"
