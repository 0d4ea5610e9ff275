"""Starting the link of a running service."""

from dataclasses import dataclass
from typing import Final

from aldaba_cloud.authority import Authority
from aldaba_cloud.broker import Account, Broker
from aldaba_cloud.broker_accounts import CLOUD_ACCOUNT, cloud_password
from aldaba_cloud.deps import Cloud
from aldaba_cloud.fleet.keys import load_keys
from aldaba_cloud.jobs import Lease
from aldaba_cloud.link.accounts import Accounts
from aldaba_cloud.link.end import CloudEnd, Powers

SPEAKING: Final = "speaks_to_doors"


@dataclass(frozen=True, slots=True)
class Link:
    """The connection to the broker, and the right to speak to doors where several processes take in."""

    broker: Broker
    lease: Lease | None

    def stop(self) -> None:
        """Finish the message at hand, go, and let another process speak."""
        self.broker.stop()
        if self.lease:
            self.lease.give_back()


def start_link(cloud: Cloud) -> Link | None:
    """Connect to the broker the configuration names, if it names one.

    Raises:
        KeysMissing: the cloud has no working key yet.
    """
    config = cloud.config
    if not config.mqtt_host:
        return None
    keys = load_keys(cloud.keyring)
    account = _account(cloud)
    # SQLite serves one process, which need not ask whether another one speaks.
    alone = cloud.database.engine.dialect.name == "sqlite"
    lease = None if alone else Lease(cloud.database, SPEAKING, cloud.clock.now)

    def make_end(broker: Broker) -> CloudEnd:
        return CloudEnd(
            cloud.database,
            cloud.keyring,
            keys,
            clock=cloud.clock,
            hub=cloud.hub,
            send=broker.send,
            live=cloud.live,
            powers=Powers(lease.held if lease else lambda: True, _accounts(cloud)),
        )

    broker = Broker(account, make_end)
    broker.start()
    return Link(broker, lease)


def _account(cloud: Cloud) -> Account:
    """Who we are at the broker: what the configuration says, or the one account we keep ourselves."""
    config = cloud.config
    username, password = config.mqtt_username, config.mqtt_password
    if config.controls_broker and not username:
        username, password = CLOUD_ACCOUNT, cloud_password(cloud.keyring)
    return Account(config.mqtt_host, config.mqtt_port, username, password, config.mqtt_ca_file, config.mqtt_share)


def _accounts(cloud: Cloud) -> Accounts | None:
    if not cloud.config.controls_broker:
        return None
    authority = Authority(cloud.keyring, cloud.clock.now())
    return Accounts(cloud.keyring, authority, cloud.config.mqtt_revocations_file)
