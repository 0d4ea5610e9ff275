"""broker: the files with which Mosquitto takes controllers by certificate and accounts from the cloud."""

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import click

from aldaba_cloud import broker_accounts
from aldaba_cloud.authority import Authority
from aldaba_cloud.cli.frame import json_option, tell
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database
from aldaba_cloud.errors import Unusable
from aldaba_cloud.fleet import certificates
from aldaba_cloud.keyring import Keyring

PLUGIN = "mosquitto_dynamic_security.so"
CONFIGURATION = """\
# Written by `aldaba-cloud broker`. Doors come in by certificate on {port}; the cloud on loopback.
per_listener_settings false
allow_anonymous false
plugin {plugin}
plugin_opt_config_file {folder}/dynamic-security.json

listener {local_port} 127.0.0.1

listener {port}
cafile {folder}/authority.crt
certfile {folder}/broker.crt
keyfile {folder}/broker.key
crlfile {folder}/revocations.pem
require_certificate true
# Who somebody is stands in the certificate; a name and a password are not looked at here.
use_identity_as_username true
tls_version tlsv1.2
"""


class PluginMissing(Unusable):
    """Mosquitto's plugin is not where packages put it."""

    def __init__(self) -> None:
        super().__init__(f"{PLUGIN} was not found under /usr/lib. Install mosquitto 2, or say --plugin.")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", "names", multiple=True, required=True, help="Name or address by which doors reach the broker.")
@click.option("--port", default=8883, show_default=True, help="Where doors connect, by TLS with a certificate.")
@click.option("--local-port", default=1883, show_default=True, help="Where the cloud connects, on loopback.")
@click.option("--plugin", type=click.Path(path_type=Path), help=f"Where {PLUGIN} is.  [default: found under /usr/lib]")
@json_option
@click.pass_obj
def broker(
    config: Config,
    folder: Path,
    *,
    names: tuple[str, ...],
    port: int,
    local_port: int,
    plugin: Path | None,
    as_json: bool,
) -> None:
    """Write into FOLDER what Mosquitto needs to know our doors and nobody else.

    Run again it makes a new server certificate and a new revocation list, and
    leaves the accounts alone: those are the broker's and the cloud's.

    \b
    aldaba-cloud broker /etc/mosquitto/aldaba --name broker.example.org
    """
    now = datetime.now(UTC)
    keyring = Keyring(config.key_dir)
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    files = _files(config, keyring, names, now)
    files["mosquitto.conf"] = CONFIGURATION.format(
        folder=folder.resolve(), port=port, local_port=local_port, plugin=plugin or plugin_here()
    ).encode()
    accounts = folder / "dynamic-security.json"
    if not accounts.exists():
        files[accounts.name] = broker_accounts.initial(broker_accounts.cloud_password(keyring), secrets.token_bytes(12))
    for name, content in files.items():
        _write(folder / name, content)
    _tell_next(folder.resolve(), names[0], port, local_port, as_json=as_json)


def _files(config: Config, keyring: Keyring, names: tuple[str, ...], now: datetime) -> dict[str, bytes]:
    authority = Authority(keyring, now)
    server = authority.server(names, now)
    database = Database(config.database)
    try:
        with database.read() as db:
            revoked = certificates.revoked(db, now)
    finally:
        database.close()
    return {
        "authority.crt": authority.certificate,
        "broker.crt": server.certificate,
        "broker.key": server.key,
        "revocations.pem": authority.revocations(revoked, now),
    }


def plugin_here() -> Path:
    """Mosquitto's plugin on this machine.

    Raises:
        PluginMissing: there is none.
    """
    found = sorted(Path("/usr/lib").glob(f"*/{PLUGIN}"))
    if not found:
        raise PluginMissing
    return found[0]


def _write(path: Path, content: bytes) -> None:
    """Mode 0640: the broker's group reads, nobody else does."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb") as out:
        out.write(content)
    new.replace(path)


def _tell_next(folder: Path, name: str, port: int, local_port: int, *, as_json: bool) -> None:
    settings: dict[str, object] = {
        "mqtt_host": "127.0.0.1",
        "mqtt_port": local_port,
        "mqtt_control": "mosquitto",
        "mqtt_public_host": name,
        "mqtt_public_port": port,
        "mqtt_revocations_file": str(folder / "revocations.pem"),
    }
    if as_json:
        tell([settings], as_json=True)
        return
    click.echo(f"Let Mosquitto own the files, and read {folder}/mosquitto.conf:")
    click.echo(f"  chown -R mosquitto:aldaba-cloud {folder} && chmod 2770 {folder}")
    click.echo(f"  ln -s {folder}/mosquitto.conf /etc/mosquitto/conf.d/aldaba.conf")
    click.echo("Then say in the cloud's configuration, and start both again:")
    for key, value in settings.items():
        click.echo(f"  {key} = {value if isinstance(value, int) else repr(value)}")
