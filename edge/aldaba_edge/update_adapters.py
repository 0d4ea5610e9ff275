"""What an update needs of a real computer: pip in a virtual environment, systemd, the daemon's socket, the cloud."""

import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from aldaba_edge.cloud_http import post
from aldaba_edge.keyfile import Identity
from aldaba_edge.local import Asking, DaemonAway
from aldaba_edge.update import InstallFailed, Running
from aldaba_shared.envelope import seal
from aldaba_shared.errors import AldabaError
from aldaba_shared.messages import Kind, UpdateAnswer, UpdateAsked

UNIT: Final = "aldaba-edge.service"
GUARD: Final = "aldaba-edge-guard.service"
INSTALL_SECONDS: Final = 900
"""A Pi Zero on a slow card takes minutes."""
MOST_ANSWER: Final = 4096


class PipInstaller:
    """Satisfies `Installer`: only the wheels it is given, nothing from anywhere else."""

    def install(self, folder: Path, wheels: list[Path]) -> None:
        """Make the environment; the system's packages stay in sight, because lgpio and pyscard are Debian's."""
        self._run(sys.executable, "-m", "venv", "--system-site-packages", str(folder))
        pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        self._run(*pip, "--no-index", "--no-deps", "--ignore-installed", *map(str, wheels))

    def _run(self, *command: str) -> None:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InstallFailed(str(error)) from error
        if done.returncode:
            raise InstallFailed((done.stderr.strip() or done.stdout.strip())[-500:])


class SystemdService:
    """Satisfies `Service`: systemd restarts, the daemon's own socket says what runs."""

    def __init__(self, socket: Path, restart: tuple[str, ...] = ("systemctl", "--no-block", "restart", UNIT)) -> None:
        self._socket = socket
        self._restart = restart

    def restart(self) -> None:
        """Have the unit restarted; one that cannot be shows by never answering."""
        subprocess.run(self._restart, check=False)

    def running(self) -> Running | None:
        """Ask the daemon; one that does not answer, or not in our words, is none."""
        try:
            asking = Asking(self._socket)
            try:
                said = asking.ask(do="status")
            finally:
                asking.close()
            return Running(str(said["program"]), float(said["up_seconds"]), int(said["watchdog_fed"]))
        except (DaemonAway, AldabaError, OSError, ValueError, KeyError, TypeError):
            return None


def ask_cloud(identity: Identity, version: str) -> UpdateAnswer:
    """Whether the cloud lets this controller take a version now.

    Raises:
        CloudUnreachable: nothing usable answered.
    """
    answer = identity.answer
    body = UpdateAsked(answer.controller, datetime.now(UTC), secrets.token_bytes(16), version)
    envelope = seal(Kind.UPDATE, "cloud", body, identity.signing_key())
    said = bytearray()
    post(f"{identity.cloud_url.rstrip('/')}/api/v1/update", envelope, "application/cose", said.extend, MOST_ANSWER)
    return msgspec.json.decode(bytes(said), type=UpdateAnswer)
