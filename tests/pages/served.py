"""The service on a free port for a browser, and what a browser finds wrong with a page."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import ConsoleMessage, Page

AXE: Final = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
LOOK: Final = "(rules) => axe.run({resultTypes: ['violations'], ...(rules && {runOnly: rules})})"
SERIOUS: Final = frozenset({"serious", "critical"})


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of a service that lives as long as this block."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # who comes before the service is up waits for it
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def is_fault(said: ConsoleMessage) -> bool:
    """An error in the console; that a refused form is answered by 422 is none."""
    return said.type == "error" and "status of 422" not in said.text


def serious(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe calls serious or critical; by all its rules, or by these."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate(LOOK, rules)
    return [
        f"{one['id']}: {node['target']} {node.get('failureSummary', '')}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
