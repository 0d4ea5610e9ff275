"""Pictures of pages for `docs/screens/`, taken by the tests that walk them: `make screens`."""

import os
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page, ViewportSize

FOLDER: Final = os.environ.get("ALDABA_SCREENS", "")
"""Where pictures are kept; none are taken without it."""
NARROW: Final[ViewportSize] = {"width": 360, "height": 800}
DESK: Final[ViewportSize] = {"width": 1024, "height": 768}
TALLEST: Final = {"360": 1600, "1024": 1100}
"""How much of a long page is kept, in pixels: its rest is more of the same."""
QUALITY: Final = 60


def keep_pictures(page: Page, name: str) -> None:
    """The page at a desk's width and on a small phone, when pictures are wanted."""
    if not FOLDER:
        return
    Path(FOLDER).mkdir(parents=True, exist_ok=True)
    for size in (NARROW, DESK):
        page.set_viewport_size(size)
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(200)  # whatever a script draws after the size has changed
        with Image.open(BytesIO(page.screenshot(full_page=True, animations="disabled"))) as shot:
            kept = shot.crop((0, 0, shot.width, min(shot.height, TALLEST[str(size["width"])])))
            kept.save(Path(FOLDER) / f"{name}-{size['width']}.webp", quality=QUALITY, method=6)
