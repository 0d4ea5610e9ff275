"""Alembic's entry: it works on the connection it is given and opens none itself."""

from typing import Literal

from alembic import context

from aldaba_cloud.db import UtcDateTime, metadata


def _render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Migrations are history: they name the database's own types and none of ours."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=_render,
)
context.run_migrations()
