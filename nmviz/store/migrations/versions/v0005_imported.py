"""Which results came out of a file: what was measured here comes before them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Of the rows that are there nobody wrote down whether they were imported."""
    added: sa.Column[bool] = sa.Column(
        "imported", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    with op.batch_alter_table("result") as table:
        table.add_column(added)


def downgrade() -> None:
    """Back to results that all count alike."""
    with op.batch_alter_table("result") as table:
        table.drop_column("imported")
