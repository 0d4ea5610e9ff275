"""Where the service meets its pages: one call from `app`."""

from fastapi import FastAPI

from aldaba_cloud.pages import (
    account,
    admin,
    assets,
    board,
    confirming,
    controllers,
    door_use,
    doors,
    duty,
    explaining,
    factors,
    held,
    member,
    phone,
    schedules,
    sign_in,
    special_days,
    visitors,
)
from aldaba_cloud.pages.kit import Renderer
from aldaba_cloud.pages.problems import render_problem
from aldaba_cloud.pages.screens import Screens


def mount(app: FastAPI) -> None:
    """Add every page, the static files and the error pages to a service."""
    app.state.renderer = Renderer()
    app.state.render_problem = render_problem
    app.state.screens = Screens(app.state.cloud)
    for part in (
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
        member,
        phone,
        factors,
    ):
        app.include_router(part.router)
