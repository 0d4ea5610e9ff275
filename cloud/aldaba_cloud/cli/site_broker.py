"""site-broker: the files of a broker that lets a site work as an island."""

import secrets
from pathlib import Path

import click

from aldaba_cloud.cli.frame import desk, json_option, network_option, tell
from aldaba_cloud.config import Config
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import service as fleet
from aldaba_cloud.fleet import site_broker as files
from aldaba_cloud.fleet import store as fleet_store
from aldaba_cloud.places import store as places
from aldaba_shared.ids import ControllerId, SiteId


@click.command("site-broker")
@click.argument("site")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--runs-in", "installed", default="/etc/aldaba/site-broker", show_default=True, help="Its final place.")
@click.option("--listen", default="0.0.0.0", show_default=True, help="The address the doors reach.")  # noqa: S104
@click.option("--port", type=click.IntRange(1, 65535), default=1883, show_default=True, help="The port there.")
@click.option("--certificate", help="A certificate for the doors' side, and --key its key; without them it is plain.")
@click.option("--key", help="The key of --certificate.")
@click.option("--cloud-host", help="The cloud's broker.  [default: mqtt_host]")
@click.option("--cloud-port", type=click.IntRange(1, 65535), help="Its port.  [default: mqtt_port]")
@click.option("--cloud-ca", help="The authority that vouches for it, as this machine will find it.")
@network_option
@json_option
@click.pass_obj
def site_broker(  # noqa: PLR0913 - each is an option of the command
    config: Config,
    site: str,
    folder: Path,
    *,
    installed: str,
    listen: str,
    port: int,
    certificate: str | None,
    key: str | None,
    cloud_host: str | None,
    cloud_port: int | None,
    cloud_ca: str | None,
    network: str | None,
    as_json: bool,
) -> None:
    """Write the Mosquitto files of SITE's own broker into FOLDER, bridged to the cloud's.

    `mosquitto.conf`, `acl` and `passwords` go to the machine at the site;
    `cloud-acl` and `cloud-passwords` are added to the files of the cloud's broker.
    Write them again whenever a controller is paired or retired.

    \b
    aldaba-cloud site-broker barcelona ./site-broker --cloud-host broker.example.org --cloud-ca /etc/ssl/certs/ca.pem
    """
    with desk(config, network, keep=False) as at:
        if places.find_site(at.work, SiteId(site)) is None:
            raise Missing("site", site)
        passwords = fleet.broker_passwords(at.work, at.keyring)
        here = [one.id for one in fleet_store.list_controllers(at.work) if one.site == site and one.retired_at is None]
    mine = {one: passwords[one] for one in sorted(here) if one in passwords}
    cloud = files.Cloud(
        cloud_host or config.mqtt_host or config.host,
        cloud_port or config.mqtt_port,
        cloud_ca,
        secrets.token_urlsafe(24),
    )
    place = files.Here(installed, listen, port, certificate, key)
    written = _texts(SiteId(site), cloud, place, mine)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in written.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
    tell([{"file": str(folder / name), "goes_to": _goes_to(name)} for name in written], as_json=as_json)


def _texts(site: SiteId, cloud: files.Cloud, here: files.Here, passwords: dict[ControllerId, str]) -> dict[str, str]:
    """Every file by its name."""

    def line(user: str, password: str) -> str:
        return files.password_line(user, password, secrets.token_bytes(files.SALT_BYTES)) + "\n"

    return {
        "mosquitto.conf": files.configuration(site, cloud, here),
        "acl": files.doors_acl(site, list(passwords)),
        "passwords": "".join(line(user, password) for user, password in passwords.items()),
        "cloud-acl": files.bridge_acl(site),
        "cloud-passwords": line(files.account(site), cloud.password),
    }


def _goes_to(name: str) -> str:
    return "the cloud's broker: add its lines" if name.startswith("cloud-") else "the site's broker"
