"""collect: have Stripe or GoCardless collect what is due."""

import click

from aldaba_cloud.billing import collector_store, collectors
from aldaba_cloud.billing.collection import Collector, Provider
from aldaba_cloud.billing.gocardless_collector import GoCardlessCollector
from aldaba_cloud.billing.service import today_at
from aldaba_cloud.billing.stripe_collector import StripeCollector
from aldaba_cloud.cli.frame import desk, json_option, network_option, tell
from aldaba_cloud.cli.invoices import site_option, site_wanted
from aldaba_cloud.config import Config
from aldaba_cloud.errors import Unusable


class NoKey(Unusable):
    """A collector is not set up."""

    def __init__(self, setting: str) -> None:
        super().__init__(f"The setting {setting} is empty. Put the collector's key there.")


@click.command()
@click.option("--by", type=click.Choice([one.value for one in Provider]), required=True, help="Who collects.")
@site_option
@network_option
@json_option
@click.pass_obj
def collect(config: Config, by: str, site: str | None, network: str | None, *, as_json: bool) -> None:
    """Have a collector collect every invoice that is due through it, each once.

    What was asked and never answered is asked again under the same key, which
    asks for nothing twice. Ends with 1 if somebody has no way of payment there.

    \b
    aldaba-cloud collect --by gocardless
    aldaba-cloud collect --by stripe --json
    """
    provider = Provider(by)
    collector = _collector(config, provider)
    with desk(config, network, keep=True) as at:
        where = site_wanted(at.work, site)
        left_out = collectors.prepare(at.work, where, provider, today_at(at.work, where))
        waiting = collector_store.unasked(at.work, provider)
    rows: list[dict[str, object]] = []
    for one in waiting:
        # Each is kept by itself: what comes after a silent collector is asked another time.
        reference = collector.collect(one)
        with desk(config, network, keep=True) as at:
            collectors.note_asked(at.work, one, reference)
        rows.append({"number": one.number, "cents": one.cents, "reference": reference})
    problems: list[dict[str, object]] = [{"number": number, "left out because": why} for number, why in left_out]
    tell([*rows, *problems] if as_json else rows, as_json=as_json, nothing="Nothing was left to collect.")
    if not as_json:
        tell(problems, as_json=False, nothing="")
    raise SystemExit(1 if problems else 0)


def _collector(config: Config, provider: Provider) -> Collector:
    if provider is Provider.STRIPE:
        if not config.stripe_key:
            raise NoKey("stripe_key")
        return StripeCollector(config.stripe_key, config.stripe_url)
    if not config.gocardless_token:
        raise NoKey("gocardless_token")
    return GoCardlessCollector(config.gocardless_token, config.gocardless_url)
