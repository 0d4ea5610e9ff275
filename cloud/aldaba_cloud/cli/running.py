"""serve, migrate, init."""

import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import Final

import click
import uvicorn

from aldaba_cloud import schema
from aldaba_cloud.access.service import nightly
from aldaba_cloud.api import idempotency
from aldaba_cloud.app import create_app, open_cloud
from aldaba_cloud.auth.models import Grant, Role
from aldaba_cloud.auth.service import NewAccount, Passwords, open_account
from aldaba_cloud.auth.store import delete_expired
from aldaba_cloud.billing.reminders import look_after_money
from aldaba_cloud.bookings.attendance import attend
from aldaba_cloud.config import Config
from aldaba_cloud.db import ALL_SITES, Database, Scope, Work, new_id
from aldaba_cloud.deps import Cloud
from aldaba_cloud.duty.service import Ways, tell_alarms
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.jobs import Jobs
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.letters.service import PostOffice, send_due
from aldaba_cloud.link.running import start_link
from aldaba_cloud.log import log, set_up_logging
from aldaba_cloud.mail import SmtpMailer
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Site
from aldaba_cloud.replicas import Replicas
from aldaba_cloud.webhooks import HttpPoster
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import NetworkId, SiteId
from aldaba_shared.schedule import zone_of

SESSIONS_SECONDS: Final = 600
ALARMS_SECONDS = 5
LETTERS_SECONDS: Final = 5
ATTENDANCE_SECONDS: Final = 15
RULES_SECONDS: Final = 3600
"""An hour, because midnight falls at another moment in every time zone."""


class Part(StrEnum):
    """What one process of a service may do alone."""

    WEB = "web"
    INGEST = "ingest"
    JOBS = "jobs"


class NeedsPostgresql(AldabaError):
    """SQLite serves one process."""

    code = "needs_postgresql"

    def __init__(self, part: str) -> None:
        super().__init__(
            f"`serve --only {part}` shares one database between processes, and this one is SQLite. "
            "Set database_url to postgresql://…, or run `serve` without --only."
        )


class NoBroker(AldabaError):
    """A part that talks to doors has nowhere to do it."""

    code = "no_broker"

    def __init__(self) -> None:
        super().__init__("`serve --only ingest` takes in what doors send, and no broker is configured. Set mqtt_host.")


def migrated(config: Config) -> Database:
    """The database, brought up to date."""
    config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(config.database)
    schema.migrate(database)
    return database


def housekeeping(cloud: Cloud) -> Jobs:
    """The jobs of a running service, not started yet; each bears being run twice."""

    def forget_what_is_over() -> None:
        with cloud.database.write() as db:
            delete_expired(db, cloud.clock.now())
            idempotency.forget_before(db, cloud.clock.now() - idempotency.KEPT)

    ways = Ways(SmtpMailer(cloud.config), HttpPoster(), cloud.keyring, cloud.config)

    def tell_those_on_duty() -> None:
        tell_alarms(cloud.database, ways, cloud.clock.now())

    office = PostOffice(SmtpMailer(cloud.config), cloud.config)

    def send_letters() -> None:
        send_due(cloud.database, office, cloud.clock.now())

    jobs = Jobs(cloud.database, cloud.clock.now)
    jobs.every("expire_sessions", SESSIONS_SECONDS, forget_what_is_over)
    jobs.every("refresh_rules", RULES_SECONDS, each(cloud, "nightly", lambda work: nightly(work, cloud.keyring)))
    jobs.every("attendance", ATTENDANCE_SECONDS, each(cloud, "attendance", look_who_came))
    jobs.every("money", RULES_SECONDS, each(cloud, "billing", look_after_money))
    jobs.every("alarms", ALARMS_SECONDS, tell_those_on_duty)
    jobs.every("letters", LETTERS_SECONDS, send_letters)
    return jobs


def each(cloud: Cloud, actor: str, job: Callable[[Work], object]) -> Callable[[], None]:
    """The job of a network, done for every one, all in one transaction."""

    def done() -> None:
        with cloud.database.write() as db:
            for network in places.every_network(db):
                job(Work(db, Scope(network), cloud.clock.now(), actor))

    return done


def look_who_came(work: Work) -> None:
    """What the service does about a network's bookings by itself."""
    for site in places.list_sites(work):
        attend(work, site.id)


@click.command()
@click.option("--host", help="Where to listen.  [default: the configured host]")
@click.option("--port", type=click.IntRange(1, 65535), help="Which port.  [default: the configured port]")
@click.option(
    "--only",
    type=click.Choice([part.value for part in Part]),
    help="One part of the service, where several processes share the work on PostgreSQL.  [default: all of it]",
)
@click.pass_obj
def serve(config: Config, host: str | None, port: int | None, only: str | None) -> None:
    """Bring the database up to date and serve pages and API.

    \b
    aldaba-cloud serve
    aldaba-cloud --config /etc/aldaba/cloud.toml serve --port 8081
    aldaba-cloud serve --only web --port 8082
    aldaba-cloud serve --only ingest

    With --only, pages and API (web), what doors send and are sent (ingest) and
    what repeats (jobs) run apart, each as often as you like, on one PostgreSQL.

    Browsers want HTTPS off localhost: put Caddy in front of it with
    `reverse_proxy localhost:8080` and set base_url to https://…
    """
    set_up_logging(config.log)
    if only is None:
        migrated(config).close()
        app = create_app(config)
        with started(housekeeping(app.state.cloud)):
            uvicorn.run(app, host=host or config.host, port=port or config.port, log_config=None)
        return
    if not config.database.startswith("postgres"):
        raise NeedsPostgresql(only)
    migrated(config).close()
    if only == Part.WEB:
        app = create_app(config, link=False)
        uvicorn.run(app, host=host or config.host, port=port or config.port, log_config=None)
    else:
        serve_behind(config, Part(only))


@contextmanager
def started(jobs: Jobs) -> Iterator[None]:
    """Run jobs meanwhile."""
    jobs.start()
    try:
        yield
    finally:
        jobs.stop()


def serve_behind(config: Config, part: Part) -> None:
    """The parts without pages, until the process is told to end."""
    database = Database(config.database)
    cloud = open_cloud(config, database)
    replicas = Replicas(database, cloud.live)
    with ExitStack() as stack:
        stack.callback(database.close)
        ended = until_told(stack)
        replicas.start()
        stack.callback(replicas.stop)
        if part is Part.JOBS:
            stack.enter_context(started(housekeeping(cloud)))
        else:
            broker = start_link(cloud)
            if broker is None:
                raise NoBroker
            stack.callback(broker.stop)
        log.info("part_started", part=part.value)
        ended.wait()


def until_told(stack: ExitStack) -> Event:
    """An event that SIGTERM and SIGINT set; the old handlers come back with the stack."""
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        stack.callback(signal.signal, number, signal.signal(number, lambda *_: ended.set()))
    return ended


@click.command()
@click.pass_obj
def migrate(config: Config) -> None:
    """Bring the database up to date; running it again changes nothing.

    \b
    aldaba-cloud migrate
    """
    migrated(config).close()
    click.echo("The database is up to date.")


@click.command()
@click.option("--network", required=True, help="The name of the network, such as 'Mediterrània Coworking'.")
@click.option("--site", required=True, help="The name of the first site, such as Barcelona.")
@click.option("--time-zone", default="Europe/Madrid", show_default=True, help="The site's IANA time zone.")
@click.option("--email", required=True, help="The mail address of the first owner.")
@click.option(
    "--root-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the root's private key is, or is made; keep it offline.  [default: root.key in the state directory]",
)
@click.pass_obj
def init(config: Config, network: str, site: str, time_zone: str, email: str, *, root_key: Path | None) -> None:
    """Make the keys, the first network, site and owner; the owner's password is printed once.

    \b
    aldaba-cloud init --network "My space" --site Barcelona --email me@example.org
    """
    zone_of(time_zone)
    database = migrated(config)
    root_file = root_key or config.state_dir / "root.key"
    make_keys(Keyring(config.key_dir), root_file, datetime.now(UTC))
    password = secrets.token_urlsafe(12)
    network_id, site_id = NetworkId(new_id("net")), SiteId(new_id("site"))
    with database.write() as db:
        work = Work(db, Scope(network_id), datetime.now(UTC), "command line")
        places.add_network(work, network)
        places.add_site(work, Site(site_id, network_id, site, time_zone))
        grants = (Grant(Role.NETWORK_OWNER, ALL_SITES),)
        open_account(work, NewAccount(email, email, password, grants), Passwords(config))
    database.close()
    click.echo(f"The root key is {root_file}. Move it away from this machine: it is only needed for new signing keys.")
    click.echo(f"Network {network_id}, site {site_id}.")
    click.echo(f"Sign in at {config.base_url} as {email} with the password {password} (it is not shown again).")
