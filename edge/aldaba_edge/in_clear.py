"""Refuses to speak in clear: to a broker or a cloud without TLS, unless they are this very machine.

What is signed stays signed without TLS, but anybody on the network would hear
who comes and goes, and at pairing the keys as well. `without_tls = "bench"` in
the configuration is for a laboratory: it is said in the log at every start, and
`check` tells it.
"""

from typing import Final
from urllib.parse import urlsplit

import structlog

from aldaba_edge.config import Config
from aldaba_shared.clear_text import stays_here
from aldaba_shared.errors import AldabaError
from aldaba_shared.messages import PairAnswer

log: Final = structlog.get_logger()


class SentInClear(AldabaError):
    """The cloud would have to be spoken to without TLS."""

    code = "sent_in_clear"

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{url} is spoken to without TLS, and what is secret would cross the network in clear. Use its "
            'https:// address; on a bench, write without_tls = "bench" into the configuration.'
        )


def cloud_in_clear(url: str) -> bool:
    """Whether what is said to this address can be heard on a network."""
    split = urlsplit(url)
    return split.scheme != "https" and not stays_here(split.hostname or "")


def broker_in_clear(config: Config, answer: PairAnswer | None) -> str | None:
    """The broker this controller would speak to in clear, if it is one: its own, else the one pairing named."""
    if config.broker is not None:
        host, port, tls = config.broker.host, config.broker.port, config.broker.tls
    elif answer is not None:
        host, port, tls = answer.broker_host, answer.broker_port, answer.broker_tls
    else:
        return None
    return f"{host}:{port}" if host and not tls and not stays_here(host) else None


def spoken_in_clear(config: Config, answer: PairAnswer | None) -> list[str]:
    """What would be said in clear, in words of the configuration."""
    told = []
    broker = broker_in_clear(config, answer)
    if broker is not None:
        told.append(f"the broker {broker} is spoken to without TLS: give it a certificate and say tls = true")
    if config.cloud_url is not None and cloud_in_clear(config.cloud_url):
        told.append(f"the cloud at {config.cloud_url} is spoken to without TLS: give its https:// address")
    return told


def may_connect(config: Config, answer: PairAnswer) -> bool:
    """Whether the broker and the cloud may be spoken to; says loudly what is said in clear, and what is not said.

    A controller that must not speak goes on with its doors, alone.
    """
    told = spoken_in_clear(config, answer)
    on_bench = config.without_tls == "bench"
    for one in told:
        log.error("spoken_in_clear" if on_bench else "not_connected_in_clear", what=one)
    return on_bench or not told
