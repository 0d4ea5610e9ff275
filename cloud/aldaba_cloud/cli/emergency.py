"""emergency-codes: the sheet for the sealed envelopes."""

import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from aldaba_cloud.access.emergency import SealedCode, seal_codes
from aldaba_cloud.cli.frame import desk, json_option, network_option, tell
from aldaba_cloud.config import Config
from aldaba_cloud.errors import Missing
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Site
from aldaba_shared.ids import SiteId

SHEETS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "title": "Emergency codes",
        "envelope": "Envelope",
        "how": "Type the eight digits at the keypad, then #. It opens once, at one door, and is an alarm.",
        "until": "Valid until",
        "seal": "Cut, fold, seal, sign across the seal. An opened envelope is told to the person on duty.",
    },
    "es": {
        "title": "Códigos de emergencia",
        "envelope": "Sobre",
        "how": "Teclea las ocho cifras y luego #. Abre una vez, una puerta, y es una alarma.",
        "until": "Válido hasta",
        "seal": "Corta, dobla, cierra y firma sobre el cierre. Un sobre abierto se comunica a la persona de guardia.",
    },
    "ca": {
        "title": "Codis d'emergència",
        "envelope": "Sobre",
        "how": "Tecleja les vuit xifres i després #. Obre una vegada, una porta, i és una alarma.",
        "until": "Vàlid fins al",
        "seal": "Talla, doblega, tanca i signa sobre el tancament. Un sobre obert es comunica a la persona de guàrdia.",
    },
}
"""A sheet is printed and cut, not browsed, so its words stand here and not with the pages'."""


@click.command("emergency-codes")
@click.argument("site")
@click.option("--count", type=click.IntRange(1, 50), default=5, show_default=True, help="How many envelopes.")
@click.option("--days", type=click.IntRange(1, 400), default=365, show_default=True, help="How long they are good.")
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False), help="Write a page to print, for your eyes.")
@click.option("--language", type=click.Choice(sorted(SHEETS)), default="es", show_default=True, help="Of the sheet.")
@network_option
@json_option
@click.pass_obj
def emergency_codes(
    config: Config,
    site: str,
    *,
    count: int,
    days: int,
    sheet: Path | None,
    language: str,
    network: str | None,
    as_json: bool,
) -> None:
    """Make a new sheet of one-time codes for the doors of SITE; the sheet before is void.

    The digits are shown this once. Each opens one door once, with no network and
    no cloud, is in the journal, and is an alarm as soon as anybody can be told.

    \b
    aldaba-cloud emergency-codes barcelona --count 5 --sheet codes.html
    """
    with desk(config, network, keep=True) as at:
        found = places.find_site(at.work, SiteId(site))
        if found is None:
            raise Missing("site", site)
        codes = seal_codes(at.work, found.id, count, days, at.keyring)
    if sheet is not None:
        _write_sheet(sheet, found, codes, SHEETS[language], language)
        click.echo(f"{sheet} holds {count} codes: print it, seal the envelopes, then delete the file.")
        return
    rows = [{"envelope": one.number, "code": one.digits, "until": f"{one.valid_until:%Y-%m-%d}"} for one in codes]
    tell(rows, as_json=as_json)


def _write_sheet(path: Path, site: Site, codes: Sequence[SealedCode], words: Mapping[str, str], language: str) -> None:
    slips = "".join(
        f"<section><h2>{words['envelope']} {one.number} · {html.escape(site.name)}</h2>"
        f"<p class=code>{one.digits[:4]} {one.digits[4:]}</p><p>{words['how']}</p>"
        f"<p>{words['until']} {one.valid_until:%Y-%m-%d}</p></section>"
        for one in codes
    )
    style = "section{border:1px dashed;padding:1em;margin:1em 0;break-inside:avoid}.code{font:bold 2em monospace}"
    page = (
        f"<!doctype html><html lang={language}><meta charset=utf-8><title>{words['title']}</title>"
        f"<style>{style}</style><h1>{words['title']}</h1><p>{words['seal']}</p>{slips}</html>"
    )
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        stream.write(page)
