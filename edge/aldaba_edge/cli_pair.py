"""pair: a controller gets its keys, and one that replaces another its configuration too."""

# ruff: noqa: PLC0415 - a command imports what it needs: --help must not cost a second on a Pi Zero

from pathlib import Path

import click

from aldaba_edge import config as told
from aldaba_edge.cli_kit import NO, config_option, json_option, mendable, say_json


@click.command()
@click.argument("code")
@config_option
@json_option
@click.option("--cloud", "cloud_url", help="The cloud's address.  [default: cloud_url of the configuration]")
@click.option("--root-fingerprint", help="SHA-256 of the root key, from the pairing QR.")
@click.option("--yes", is_flag=True, help="The four words were compared already.")
@mendable
def pair(
    code: str, path: Path, *, as_json: bool, cloud_url: str | None, root_fingerprint: str | None, yes: bool
) -> None:
    """Give this controller its keys with the six-digit CODE of the page.

    Where there is no configuration yet, the one that the last controller of these
    doors had is written: run it as root then, because /etc/aldaba is root's.

    Exit 0 when it is paired, 1 when you say that the words differ.

    \b
    Examples:
      aldaba-edge pair 482913
      aldaba-edge pair 482913 --cloud https://aldaba.example --root-fingerprint 9f86d081...
    """
    here = told.load(path) if path.exists() else None
    from aldaba_edge import in_clear, pairing
    from aldaba_edge.bootstrap import software

    url = cloud_url or (here.cloud_url if here is not None else None)
    if url is None:
        raise click.UsageError("Say --cloud, or write cloud_url into the configuration.")
    if in_clear.cloud_in_clear(url) and (here is None or here.without_tls != "bench"):
        raise in_clear.SentInClear(url)
    paired = pairing.pair(url, code, root_fingerprint, software())
    if not paired.vouched and not yes:
        click.echo(f"Compare these words with those on the page: {paired.words}", err=True)
        if not click.confirm("Are they the same?", err=True):
            raise SystemExit(NO)
    config = here or pairing.take_configuration(path, paired)
    pairing.keep(config.data, paired)
    answer = paired.identity.answer
    if as_json:
        said = {"controller": answer.controller, "site": answer.site, "doors": answer.doors, "words": paired.words}
        say_json({**said, "configuration": "kept" if here else "written"})
        return
    click.echo(f"This is {answer.controller} of {answer.site} now; its doors: {', '.join(answer.doors)}.")
    if here is None:
        click.echo(f"{path} is what their last controller had; judge it: aldaba-edge check {path}")
