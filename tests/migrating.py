"""Databases of older versions, made by the project's own migrations."""

from pathlib import Path
from typing import Any

from alembic.config import Config

from nmviz.store import database, schema


def migrate(where: str | Path, move: Any, version: str) -> None:
    """Run the project's own scripts up or down to a version, as the store does."""
    url = database.address(where)
    config = Config()
    config.set_main_option("script_location", str(schema.SCRIPTS).replace("%", "%%"))
    migrating = database.connect(url, migrating=True)
    with migrating.execution_options(**database.WRITING).begin() as connection:
        config.attributes["connection"] = connection
        move(config, version)
    migrating.dispose()
