"""Published results: what is not known of an experiment, and values printed as beyond a limit."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_UNKNOWN: dict[str, sa.types.TypeEngine[Any]] = {
    "corpus": sa.Text(),
    "tokens": sa.Integer(),
    "window": sa.Integer(),
}


def upgrade() -> None:
    """Every row that is there keeps its values."""
    with op.batch_alter_table("experiment") as table:
        for name, kind in _UNKNOWN.items():
            table.alter_column(name, existing_type=kind, nullable=True)
    with op.batch_alter_table("result") as table:
        table.add_column(sa.Column("censored", sa.Text(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Back to results of which everything is known; the others cannot be kept."""
    unknown = "corpus IS NULL OR tokens IS NULL OR window IS NULL"
    of_unknown = f"experiment_key IN (SELECT key FROM experiment WHERE {unknown})"
    of_result = f"result_id IN (SELECT id FROM result WHERE {of_unknown})"
    for statement in (
        f"DELETE FROM measurement WHERE {of_result}",
        f"DELETE FROM result_artefact WHERE {of_result}",
        f"DELETE FROM result WHERE {of_unknown}",
        f"DELETE FROM experiment WHERE {unknown}",
    ):
        op.execute(statement)
    with op.batch_alter_table("result") as table:
        table.drop_column("censored")
    with op.batch_alter_table("experiment") as table:
        for name, kind in _UNKNOWN.items():
            table.alter_column(name, existing_type=kind, nullable=False)
