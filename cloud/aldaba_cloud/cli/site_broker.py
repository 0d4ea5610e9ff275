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
from aldaba_cloud.authority import Authority
from aldaba_cloud.cli.frame import Desk, desk, json_option, network_option, tell
from aldaba_cloud.config import Config
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import certificates
from aldaba_cloud.fleet import service as fleet
from aldaba_cloud.fleet import site_broker as files
from aldaba_cloud.fleet import store as fleet_store
from aldaba_cloud.places import store as places
from aldaba_shared.ids import ControllerId, SiteId

FINAL_PLACE = "/etc/aldaba/site-broker"


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
@click.option("--plain", is_flag=True, help="Without TLS on either side: for a laboratory, never for a site.")
@click.option("--cloud-host", help="The cloud's broker.  [default: mqtt_public_host, then mqtt_host]")
@click.option("--cloud-port", type=click.IntRange(1, 65535), help="Its port.  [default: as the host]")
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
    plain: bool,
    cloud_host: str | None,
    cloud_port: int | None,
    network: str | None,
    as_json: bool,
) -> None:
    """Write the Mosquitto files of SITE's own broker into FOLDER, bridged to the cloud's.

    Everything but the `cloud-` files goes to the machine at the site; those tell
    the cloud's broker of the bridge. Write all again when a controller is paired
    or retired.

    \b
    aldaba-cloud site-broker barcelona ./site-broker --name broker.lan --cloud-host broker.example.org
    """
    public = bool(config.mqtt_public_host)
    host = cloud_host or config.mqtt_public_host or config.mqtt_host or config.host
    at_port = cloud_port or (config.mqtt_public_port if public else config.mqtt_port)
    cloud = files.Cloud(host, at_port, secrets.token_urlsafe(24), tls=not plain)
    wanted = Wanted(SiteId(site), names, files.Here(installed, listen, port, tls=not plain), cloud)
    with desk(config, network, keep=False) as at:
        if places.find_site(at.work, wanted.site) is None:
            raise Missing("site", site)
        written = _texts(at, wanted) | ({} if plain else _certificates(at, wanted))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in written.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
    tell([{"file": str(folder / name), "goes_to": _goes_to(name)} for name in written], as_json=as_json)


def _texts(at: Desk, wanted: Wanted) -> dict[str, bytes]:
    passwords = _passwords(at, wanted.site)
    site, bridge = wanted.site, wanted.cloud.password
    texts = {
        "mosquitto.conf": files.configuration(site, wanted.cloud, wanted.here),
        "acl": files.doors_acl(site, list(passwords)),
        "passwords": "".join(_line(user, password) for user, password in passwords.items()),
        "cloud-acl": files.bridge_acl(site),
        "cloud-passwords": _line(files.account(site), bridge),
    }
    commands = broker_accounts.payload(files.bridge_commands(site, bridge))
    return {name: text.encode() for name, text in texts.items()} | {"cloud-accounts.json": commands}


def _passwords(at: Desk, site: SiteId) -> dict[ControllerId, str]:
    known = fleet.broker_passwords(at.work, at.keyring)
    here = [one.id for one in fleet_store.list_controllers(at.work) if one.site == site and one.retired_at is None]
    return {one: known[one] for one in sorted(here) if one in known}


def _line(user: str, password: str) -> str:
    return files.password_line(user, password, secrets.token_bytes(files.SALT_BYTES)) + "\n"


def _certificates(at: Desk, wanted: Wanted) -> dict[str, bytes]:
    """The broker's own certificate for its doors, and the bridge's for the cloud's broker."""
    now = at.work.now
    authority = Authority(at.keyring, now)
    server = authority.server(wanted.names, now)
    key = ec.generate_private_key(ec.SECP256R1())
    asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    bridge = authority.controller(asked.public_bytes(Encoding.DER), files.account(wanted.site), now)
    return {
        "authority.crt": authority.certificate,
        "broker.crt": server.certificate,
        "broker.key": server.key,
        "revocations.pem": authority.revocations(certificates.revoked(at.work.db, now), now),
        "bridge.crt": bridge.pem,
        "bridge.key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }


def _goes_to(name: str) -> str:
    return "the cloud's broker" if name.startswith("cloud-") else "the site's broker"
