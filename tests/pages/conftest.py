"""The cloud's fixtures, for pages, and a Chromium for those that need one."""

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.cloud.conftest import app, browser, clock, config, database, fresh_url, postgres_template, template
from tests.compiled_once import compiled_once

__all__ = [
    "app",
    "browser",
    "clock",
    "compiled_once",
    "config",
    "database",
    "fresh_url",
    "postgres_template",
    "template",
]

FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, once a file: while it lives Playwright runs an event loop, beside which no other starts."""
    expect.set_options(timeout=60_000)  # a loaded machine is no fault of the page
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(FLAGS))
        yield started
        started.close()
