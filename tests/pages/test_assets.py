import re
import tomllib
from importlib.resources import files

from aldaba_cloud.pages.assets import load_assets

PAGES = files("aldaba_cloud.pages")
PAGE_BYTES = 150_000


def test_vendored_scripts_are_the_bytes_that_were_pinned() -> None:
    pinned = tomllib.loads(PAGES.joinpath("static/vendor/vendored.toml").read_text("utf-8"))
    found = {path.removeprefix("vendor/"): one for path, one in load_assets().items() if path.startswith("vendor/")}
    assert {name: one.integrity for name, one in found.items()} == {
        name: one["integrity"] for name, one in pinned.items()
    }


def test_all_assets_together_weigh_less_than_a_page_may() -> None:
    assert sum(len(one.zipped) for one in load_assets().values()) < PAGE_BYTES / 2


def test_no_template_needs_more_than_our_own_scripts_and_styles() -> None:
    forbidden = re.compile(r"<script(?![^>]*\bsrc=)|\bstyle=|<style|\son\w+=|https?://(?!www\.w3\.org|\s)")
    for template in PAGES.joinpath("templates").iterdir():
        assert not forbidden.search(template.read_text("utf-8")), template.name


def test_every_icon_that_a_template_names_is_drawn() -> None:
    drawn = set(re.findall(r'symbol id="(\w+)"', PAGES.joinpath("static/icons.svg").read_text("utf-8")))
    named = {
        name
        for template in PAGES.joinpath("templates").iterdir()
        for name in re.findall(r'icon\("(\w+)"\)', template.read_text("utf-8"))
    }
    assert named <= drawn
