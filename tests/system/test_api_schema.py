"""The HTTP API under schemathesis: whatever an admin's program sends, the answer is no server error.

It runs in an environment of its own, because what it stands on does not fit ours.
"""

import http.client
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
import uvicorn

from aldaba_cloud.app import create_app
from aldaba_cloud.auth.models import Role
from aldaba_cloud.auth.service import Passwords
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.schema import migrate
from aldaba_sim.barcelona import NETWORK, seed_space
from tests.system.mosquitto import free_port

pytestmark = pytest.mark.system
SCHEMATHESIS = "schemathesis==4.32.5"
SECONDS = 45
"""How long it looks for mistakes; starting it and describing what it found comes on top."""
PATIENCE = 30.0


@contextmanager
def served(config: Config) -> Iterator[None]:
    """The service on its port, in a thread."""
    wanted = uvicorn.Config(create_app(config), host=config.host, port=config.port, log_config=None)
    server = uvicorn.Server(wanted)
    thread = threading.Thread(target=server.run, name="served", daemon=True)
    thread.start()
    give_up = time.monotonic() + PATIENCE
    while not server.started:
        assert time.monotonic() < give_up, "the service did not start"
        thread.join(0.05)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


def seeded(config: Config) -> tuple[str, str]:
    """Barcelona's space; how its admin signs in."""
    database, keyring, passwords = Database(config.database), Keyring(config.key_dir), Passwords(config)
    migrate(database)
    make_keys(keyring, config.state_dir / "root.key", datetime.now(UTC))
    with closing(database), database.write() as db:
        space = seed_space(Work(db, Scope(NETWORK), datetime.now(UTC)), keyring, passwords, Random(1))
    admin = next(one for one in space.accounts if one.role is Role.ADMIN)
    return admin.email, admin.password


def signed_in(config: Config, email: str, password: str) -> list[str]:
    """The headers of a session."""
    with closing(http.client.HTTPConnection(config.host, config.port, timeout=PATIENCE)) as connection:
        body = json.dumps({"email": email, "password": password})
        connection.request("POST", "/api/v1/session", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        assert answer.status == http.HTTPStatus.CREATED, told
        cookie = str(answer.headers["set-cookie"]).partition(";")[0]
    return [f"Cookie: {cookie}", f"X-CSRF-Token: {told['csrf_token']}"]


def test_nothing_that_is_sent_to_the_api_makes_the_server_fail(tmp_path: Path) -> None:
    port = free_port()
    config = Config(
        state_dir=tmp_path, port=port, base_url=f"http://127.0.0.1:{port}", argon2_time_cost=1, argon2_memory_kib=8
    )
    account = seeded(config)
    with served(config):
        headers = [word for one in signed_in(config, *account) for word in ("-H", one)]
        done = subprocess.run(
            [
                *(shutil.which("uv") or "uv", "run", "--isolated", "--no-project", "--with", SCHEMATHESIS),
                *("schemathesis", "run", f"{config.base_url}/api/v1/openapi.json", *headers),
                *("--checks", "not_a_server_error", "--max-time", str(SECONDS), "--seed", "1", "--no-color"),
                *("--exclude-tag", "session", "--generation-database", "none", "--no-shrink", "--warnings", "off"),
            ],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS + 240,
        )
        still = signed_in(config, *account)
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    assert "test cases" in done.stdout.lower() or "passed" in done.stdout.lower(), done.stdout[-3000:]
    assert still
