"""The cloud's fixtures, for pages."""

from tests.cloud.conftest import app, browser, clock, config, database, fresh_url, postgres_template, template

__all__ = ["app", "browser", "clock", "config", "database", "fresh_url", "postgres_template", "template"]
