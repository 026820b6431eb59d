"""What rounding alone does to a model, beside what pruning does to it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """The rows that are there know no floor."""
    with op.batch_alter_table("result") as table:
        table.add_column(sa.Column("noise_floors", sa.Text(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Back to results without floors: their numbers stay, their hash is of the floors too."""
    with op.batch_alter_table("result") as table:
        table.drop_column("noise_floors")
