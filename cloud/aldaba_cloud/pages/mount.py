"""Where the service meets its pages: one call from `app`."""

from typing import Final

from fastapi import FastAPI

from aldaba_cloud.pages import (
    account,
    admin,
    assets,
    board,
    card_rounds,
    cards,
    confirming,
    controllers,
    door_use,
    doors,
    duty,
    emergency,
    explaining,
    factors,
    held,
    letters,
    member,
    money,
    money_settings,
    phone,
    schedules,
    sign_in,
    special_days,
    stickers,
    tags,
    tasks,
    visitors,
)
from aldaba_cloud.pages.kit import renderer
from aldaba_cloud.pages.problems import render_problem
from aldaba_cloud.pages.screens import Screens

PARTS: Final = (
    assets,
    sign_in,
    account,
    board,
    explaining,
    confirming,
    special_days,
    visitors,
    schedules,
    admin,
    held,
    doors,
    controllers,
    door_use,
    duty,
    letters,
    member,
    money,
    money_settings,
    phone,
    factors,
    emergency,
    card_rounds,
    cards,
    stickers,
    tags,
    tasks,
)
"""Whatever has a `router` of its own: every page, and the static files."""


def mount(app: FastAPI) -> None:
    """Give a service what its pages and its error pages draw with."""
    app.state.renderer = renderer()
    app.state.render_problem = render_problem
    app.state.screens = Screens(app.state.cloud)
