"""Starting the link of a running service."""

from aldaba_cloud.broker import Account, Broker
from aldaba_cloud.deps import Cloud
from aldaba_cloud.fleet.keys import load_keys
from aldaba_cloud.link.end import CloudEnd


def start_link(cloud: Cloud) -> Broker | None:
    """Connect to the broker the configuration names, if it names one.

    Raises:
        KeysMissing: the cloud has no working key yet.
    """
    config = cloud.config
    if not config.mqtt_host:
        return None
    keys = load_keys(cloud.keyring)
    account = Account(
        config.mqtt_host, config.mqtt_port, config.mqtt_username, config.mqtt_password, config.mqtt_ca_file
    )

    def make_end(broker: Broker) -> CloudEnd:
        return CloudEnd(
            cloud.database,
            cloud.keyring,
            keys,
            clock=cloud.clock,
            hub=cloud.hub,
            send=broker.send,
            live=cloud.live,
        )

    broker = Broker(account, make_end)
    broker.start()
    return broker
