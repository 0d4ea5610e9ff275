"""Where the service meets its pages: one call from `app`."""

from fastapi import FastAPI

from aldaba_cloud.pages import admin, assets, board, confirming, doors, explaining, member, schedules, sign_in
from aldaba_cloud.pages.kit import Renderer, render_problem


def mount(app: FastAPI) -> None:
    """Add every page, the static files and the error pages to a service."""
    app.state.renderer = Renderer()
    app.state.render_problem = render_problem
    for part in (assets, sign_in, board, explaining, confirming, schedules, admin, doors, member):
        app.include_router(part.router)
