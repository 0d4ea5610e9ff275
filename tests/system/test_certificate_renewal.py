"""A controller's certificate is renewed at a cloud that runs, and the new one is what Mosquitto asks for."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aldaba_cloud.authority import Authority
from aldaba_edge.certificate import draft, holds_until, write_certificate
from tests.system.programs import START_SECONDS, wait_until
from tests.system.test_swap import CONFIG, Site, running, site

__all__ = ["site"]
pytestmark = pytest.mark.system


def give_certificate(site: Site, controller: str, *, ends: datetime) -> None:
    """A certificate of the cloud's authority that ends then, in the place of the one from pairing."""
    asked, lives = draft(), timedelta(days=90)
    made = Authority(site.keyring, datetime.now(UTC)).controller(asked.request, controller, ends - lives, lives)
    write_certificate(site.room / "edge", asked, made.pem)


def is_renewed(site: Site) -> bool:
    until = holds_until(site.room / "edge")
    return until is not None and until > datetime.now(UTC) + timedelta(days=60)


def is_connected(site: Site) -> bool:
    program = str(Path(sys.executable).with_name("aldaba-edge"))
    command = [program, "status", "--config", str(site.config), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0 and bool(json.loads(done.stdout)["connected"])


def test_a_certificate_that_ran_out_without_a_network_or_soon_will_is_renewed_and_lets_in(site: Site) -> None:
    site.config.write_text(CONFIG.format(room=site.room, address=site.address))
    site.config.chmod(0o640)
    controller = site.pair()["controller"]
    give_certificate(site, controller, ends=datetime.now(UTC) - timedelta(days=3))
    with running(site, "ran-out.log"):
        wait_until(lambda: is_renewed(site), "a new certificate for one that ran out", START_SECONDS)
        wait_until(lambda: is_connected(site), "Mosquitto's welcome", START_SECONDS)
    give_certificate(site, controller, ends=datetime.now(UTC) + timedelta(days=29))
    with running(site, "ends-soon.log"):
        wait_until(lambda: is_renewed(site), "a new certificate for one that ends this month", START_SECONDS)
        wait_until(lambda: is_connected(site), "Mosquitto's welcome", START_SECONDS)
