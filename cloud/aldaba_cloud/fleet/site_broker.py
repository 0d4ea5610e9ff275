"""A broker of a site's own, bridged to the cloud's: plain Mosquitto configuration, written and never run by us.

The doors of the site connect to it. While the bridge stands it carries their
lines up and the cloud's words down; when it is cut the doors still hear each
other's presence, so passback, limits and interlocks go on across them, and their
lines wait on their own disks for the cloud's signed ack. The bridge is a
courier: everything it carries is signed end to end, so who owns this broker can
delay and nothing else.

Its doors come in by certificate, and what each may do there is an account of
Mosquitto's dynamic security plugin. The cloud retains the list of its controllers
on a topic of the site, and the bridge hands it to the plugin, so a controller that
is paired or retired is known there as soon as the bridge stands.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from aldaba_cloud import broker_accounts
from aldaba_shared.ids import ControllerId, SiteId
from aldaba_shared.topics import PREFIX, Channel

ANY: Final = "+"
PLUGIN_TOPICS: Final = "$CONTROL/dynamic-security/"
PLUGIN_VERSION: Final = "v1"
"""The last part of the plugin's topic; `accounts_topic` ends with it, so that a bridge can carry one to the other."""

Command: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cloud:
    """The cloud's broker, as the bridge reaches it: by the authority's certificate and the bridge's own."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Here:
    """Where the site's broker listens and keeps its files, and what the bridge shows it."""

    folder: str
    plugin: str
    password: str = field(repr=False)
    listen: str = "0.0.0.0"  # noqa: S104 - the doors of the site are on other machines
    port: int = 8883


def account(site: SiteId) -> str:
    """The bridge's user name at both brokers."""
    return f"site-{site}"


def accounts_topic(site: SiteId) -> str:
    """Where the cloud retains what the accounts of a site's own broker are to be."""
    return f"{PREFIX}/{site}/accounts/{PLUGIN_VERSION}"


def configuration(site: SiteId, cloud: Cloud, here: Here) -> str:
    """`mosquitto.conf` of the site's broker."""
    return "\n".join([*_listener(here), "", *_bridge(site, cloud, here), ""])


def _listener(here: Here) -> list[str]:
    return [
        "# Written by `aldaba-cloud site-broker`: write it again rather than editing it.",
        "per_listener_settings false",
        "allow_anonymous false",
        f"plugin {here.plugin}",
        f"plugin_opt_config_file {here.folder}/dynamic-security.json",
        "persistence true",
        f"persistence_location {here.folder}/",
        "autosave_interval 30",
        "max_queued_messages 100000",
        "# Doors ask for no delay: a tap's answer at the next door waits for this.",
        "set_tcp_nodelay true",
        f"listener {here.port} {here.listen}",
        f"cafile {here.folder}/authority.crt",
        f"certfile {here.folder}/broker.crt",
        f"keyfile {here.folder}/broker.key",
        "require_certificate true",
        "# Who somebody is stands in the certificate; a name and a password are not looked at.",
        "use_identity_as_username true",
        "tls_version tlsv1.2",
    ]


def _bridge(site: SiteId, cloud: Cloud, here: Here) -> list[str]:
    def carried(channel: Channel, way: str) -> str:
        return f"topic {PREFIX}/{site}/{ANY}/{channel} {way} 1"

    return [
        f"connection aldaba-{site}",
        f"address {cloud.host}:{cloud.port}",
        f"bridge_cafile {here.folder}/authority.crt",
        f"bridge_certfile {here.folder}/bridge.crt",
        f"bridge_keyfile {here.folder}/bridge.key",
        f"remote_clientid {account(site)}",
        f"local_clientid bridge-{site}",
        f"local_username {account(site)}",
        f"local_password {here.password}",
        "bridge_protocol_version mqttv311",
        "# Between two Mosquittos a retained message stays retained.",
        "try_private true",
        "cleansession false",
        "notifications false",
        "bridge_attempt_unsubscribe false",
        "start_type automatic",
        "restart_timeout 1 15",
        "keepalive_interval 15",
        carried(Channel.UP, "out"),
        carried(Channel.PRESENCE, "out"),
        carried(Channel.STATE, "in"),
        carried(Channel.DOWN, "in"),
        "# What the cloud says of the site's controllers goes to the plugin that keeps the accounts.",
        f"topic {PLUGIN_VERSION} in 1 {PLUGIN_TOPICS} {accounts_topic(site).removesuffix(PLUGIN_VERSION)}",
    ]


def accounts_at_site(site: SiteId, in_use: Iterable[ControllerId], gone: Iterable[ControllerId]) -> list[Command]:
    """What the plugin of the site's broker is told: everybody who is there, and nobody who was."""
    admitted = [command for one in in_use for command in broker_accounts.admit(site, one, None)]
    return [*admitted, *(command for one in gone for command in broker_accounts.expel(one))]


def first_accounts(site: SiteId, here: Here, salt: bytes, in_use: Iterable[ControllerId]) -> bytes:
    """The plugin's file for a site's broker that has never run: the bridge, and the controllers there are."""
    out, into = (Channel.UP, Channel.PRESENCE), (Channel.STATE, Channel.DOWN)
    acls = [broker_accounts.may("publishClientSend", f"{PREFIX}/{site}/{ANY}/{one}") for one in into]
    acls += [broker_accounts.may("subscribePattern", f"{PREFIX}/{site}/{ANY}/{one}") for one in out]
    acls.append(broker_accounts.may("publishClientSend", f"{PLUGIN_TOPICS}{PLUGIN_VERSION}"))
    doors = accounts_at_site(site, in_use, ())
    return broker_accounts.first_file(account(site), here.password, salt, acls, doors)


def bridge_commands(site: SiteId) -> list[Command]:
    """What the bridge may do at the cloud's broker: the topics of its own site."""
    role = f"bridge-{account(site)}"
    out, into = (Channel.UP, Channel.PRESENCE), (Channel.STATE, Channel.DOWN)
    writes = [broker_accounts.may("publishClientSend", f"{PREFIX}/{site}/{ANY}/{one}") for one in out]
    reads = [broker_accounts.may("subscribePattern", f"{PREFIX}/{site}/{ANY}/{one}") for one in into]
    accounts = broker_accounts.may("subscribeLiteral", accounts_topic(site))
    return [
        {"command": "createRole", "rolename": role, "acls": [*writes, *reads, accounts]},
        {"command": "createClient", "username": account(site), "roles": [{"rolename": role}]},
    ]
