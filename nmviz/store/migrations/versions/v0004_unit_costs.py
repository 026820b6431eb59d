"""What each window of a run's text cost, so that two runs of a text are compared in pairs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """The rows that are there kept no window."""
    with op.batch_alter_table("result") as table:
        table.add_column(sa.Column("unit_costs", sa.Text(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Back to results without windows: their numbers stay, their hash is of the windows too."""
    with op.batch_alter_table("result") as table:
        table.drop_column("unit_costs")
