"""The cloud's fixtures, for pages."""

from tests.cloud.conftest import app, browser, clock, config, database, template

__all__ = ["app", "browser", "clock", "config", "database", "template"]
