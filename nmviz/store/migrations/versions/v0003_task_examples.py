"""Which examples of a task came out right, of every result that ran tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Every row that is there ran no task."""
    with op.batch_alter_table("result") as table:
        table.add_column(sa.Column("examples", sa.Text(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Back to results of texts alone; those of tasks would not agree with their hash."""
    of_result = "result_id IN (SELECT id FROM result WHERE examples <> '[]')"
    for name in ("measurement", "result_artefact"):
        op.execute(f"DELETE FROM {name} WHERE {of_result}")
    op.execute("DELETE FROM result WHERE examples <> '[]'")
    op.execute("DELETE FROM experiment WHERE key NOT IN (SELECT experiment_key FROM result)")
    with op.batch_alter_table("result") as table:
        table.drop_column("examples")
