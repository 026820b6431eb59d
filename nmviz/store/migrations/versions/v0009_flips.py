"""Tokens whose most likely successor changed."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """The rows that are there followed no single word."""
    with op.batch_alter_table("result") as table:
        table.add_column(sa.Column("flips", sa.Text(), nullable=False, server_default="null"))


def downgrade() -> None:
    """Back to results without flips: their numbers stay, their hash is of the flips too."""
    with op.batch_alter_table("result") as table:
        table.drop_column("flips")
