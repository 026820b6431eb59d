"""What pruning does to the tokens that it hurts most: counts, means by confidence, and why a number
has no standard error."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

OF_KL = tuple(f"kl_{end}" for end in ("median", "p90", "p95", "p99", "p999", "max"))
LONG = ("by_confidence", "token_counts")


def upgrade() -> None:
    """The rows that are there looked at no single token."""
    with op.batch_alter_table("result") as table:
        for name in LONG:
            table.add_column(sa.Column(name, sa.Text(), nullable=False, server_default="[]"))
    with op.batch_alter_table("measurement") as table:
        table.add_column(sa.Column("no_stderr", sa.Text(), nullable=True))


def downgrade() -> None:
    """Back to results without tails, whose names the version before does not know; what else they
    hold stays, their hash is of the tails too."""
    measurement = sa.table("measurement", sa.column("metric", sa.Text()))
    metric = measurement.c.metric
    op.execute(measurement.delete().where(metric.in_(OF_KL) | metric.startswith("delta_p_")))
    with op.batch_alter_table("measurement") as table:
        table.drop_column("no_stderr")
    with op.batch_alter_table("result") as table:
        for name in LONG:
            table.drop_column(name)
