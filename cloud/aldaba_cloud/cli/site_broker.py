"""site-broker: the files of a broker that lets a site work as an island."""

import secrets
from dataclasses import dataclass
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aldaba_cloud import broker_accounts
from aldaba_cloud.authority import SERVER_LIVES, Authority
from aldaba_cloud.cli.frame import Desk, desk, json_option, network_option, tell
from aldaba_cloud.config import Config
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.fleet import site_broker as files
from aldaba_cloud.fleet import store as fleet_store
from aldaba_cloud.places import store as places
from aldaba_shared.ids import SiteId

FINAL_PLACE = "/etc/aldaba/site-broker"
PLUGIN_OF_A_PI = "/usr/lib/aarch64-linux-gnu/mosquitto_dynamic_security.so"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One site's broker, as the command was asked for it."""

    site: SiteId
    names: tuple[str, ...]
    here: files.Here
    cloud: files.Cloud


@click.command("site-broker")
@click.argument("site")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", "names", multiple=True, required=True, help="Name or address by which doors reach it.")
@click.option("--runs-in", "installed", default=FINAL_PLACE, show_default=True, help="Where FOLDER will lie there.")
@click.option("--listen", default="0.0.0.0", show_default=True, help="The address it listens on.")  # noqa: S104
@click.option("--port", type=click.IntRange(1, 65535), default=8883, show_default=True, help="The port there.")
@click.option("--plugin", default=PLUGIN_OF_A_PI, show_default=True, help="Mosquitto's plugin on that machine.")
@click.option("--cloud-host", help="The cloud's broker.  [default: mqtt_public_host]")
@click.option("--cloud-port", type=click.IntRange(1, 65535), help="Its port.  [default: mqtt_public_port]")
@network_option
@json_option
@click.pass_obj
def site_broker(  # noqa: PLR0913 - each is an option of the command
    config: Config,
    site: str,
    folder: Path,
    *,
    names: tuple[str, ...],
    installed: str,
    listen: str,
    port: int,
    plugin: str,
    cloud_host: str | None,
    cloud_port: int | None,
    network: str | None,
    as_json: bool,
) -> None:
    """Write the Mosquitto files of SITE's own broker into FOLDER, bridged to the cloud's.

    Everything but cloud-accounts.json goes to the machine at the site; that one
    tells the cloud's broker, which `aldaba-cloud broker` has set up, of the bridge.
    Controllers that come or go later are told by the bridge. Write all again once
    a year: the certificates end after thirteen months.

    \b
    aldaba-cloud site-broker barcelona ./site-broker --name broker.lan --cloud-host broker.example.org
    """
    host = cloud_host or config.mqtt_public_host
    if not host:
        raise Unusable("Say --cloud-host: the name by which doors reach the cloud's broker.")
    cloud = files.Cloud(host, cloud_port or config.mqtt_public_port)
    wanted = Wanted(SiteId(site), names, files.Here(installed, plugin, secrets.token_urlsafe(24), listen, port), cloud)
    with desk(config, network, keep=False) as at:
        if places.find_site(at.work, wanted.site) is None:
            raise Missing("site", site)
        written = _texts(at, wanted) | _certificates(at, wanted)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in written.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
    tell([{"file": str(folder / name), "goes_to": _goes_to(name)} for name in written], as_json=as_json)


def _texts(at: Desk, wanted: Wanted) -> dict[str, bytes]:
    site = wanted.site
    in_use, _gone = fleet_store.controllers_at(at.work.db, site)
    return {
        "mosquitto.conf": files.configuration(site, wanted.cloud, wanted.here).encode(),
        "dynamic-security.json": files.first_accounts(site, wanted.here, secrets.token_bytes(12), in_use),
        "cloud-accounts.json": broker_accounts.payload(files.bridge_commands(site)),
    }


def _certificates(at: Desk, wanted: Wanted) -> dict[str, bytes]:
    """The broker's own certificate for its doors, and the bridge's for the cloud's broker."""
    now = at.work.now
    authority = Authority(at.keyring, now)
    server = authority.server(wanted.names, now)
    key = ec.generate_private_key(ec.SECP256R1())
    asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    request = asked.public_bytes(Encoding.DER)
    bridge = authority.controller(request, files.account(wanted.site), now, SERVER_LIVES)
    return {
        "authority.crt": authority.certificate,
        "broker.crt": server.certificate,
        "broker.key": server.key,
        "bridge.crt": bridge.pem,
        "bridge.key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }


def _goes_to(name: str) -> str:
    return "the cloud's broker" if name.startswith("cloud-") else "the site's broker"
