"""A Mosquitto that knows its clients: certificates of the cloud's authority, accounts from the cloud."""

import getpass
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aldaba_cloud.config import Config
from tests.system.mosquitto import free_port, program, wait_for_port


@dataclass(frozen=True)
class GuardedBroker:
    """Where doors and cloud connect, the files, and the process."""

    doors_port: int
    cloud_port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def reload(self) -> None:
        """Have it read the revocation list again, as the unit beside it does when the file changes."""
        self.process.send_signal(signal.SIGHUP)


@contextmanager
def guarded_mosquitto(folder: Path, environment: Mapping[str, str]) -> Iterator[GuardedBroker]:
    """Write the files with `aldaba-cloud broker`, start Mosquitto on them, and stop it by its pid."""
    doors, cloud = free_port(), free_port()
    command = [str(Path(sys.executable).parent / "aldaba-cloud"), "broker", str(folder), "--name", "127.0.0.1"]
    ports = ["--port", str(doors), "--local-port", str(cloud)]
    subprocess.run([*command, *ports], check=True, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    configuration = folder / "mosquitto.conf"
    with configuration.open("a") as file:
        file.write(f"user {getpass.getuser()}\n")
    with (folder / "log").open("wb") as log:
        broker = subprocess.Popen([program(), "-c", str(configuration)], stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_port(cloud)
        yield GuardedBroker(doors, cloud, folder, broker)
    finally:
        broker.terminate()
        broker.wait(timeout=10)


def with_broker(config: Config, broker: GuardedBroker) -> Config:
    """The configuration of a cloud that decides who comes in at this broker."""
    return config.model_copy(
        update={
            "mqtt_host": "127.0.0.1",
            "mqtt_port": broker.cloud_port,
            "mqtt_control": "mosquitto",
            "mqtt_public_host": "127.0.0.1",
            "mqtt_public_port": broker.doors_port,
            "mqtt_revocations_file": broker.folder / "revocations.pem",
        }
    )
