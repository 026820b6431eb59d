"""Measured speeds that others published, a row a ratio, with the reason where one is in doubt."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TEXTS = ("phase", "machine", "dtype", "target", "shape", "printed", "dense", "unit", "source")
ASKED_BY = ("machine", "dtype", "phase", "target", "pattern")


def upgrade() -> None:
    """Empty: the rows are read from the files that ship."""
    op.create_table(
        "speed",
        sa.Column("row", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("pattern", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in TEXTS),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("tokens", "d_in", "d_out")),
        sa.Column("ratio", sa.Double(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("doubt", sa.Text(), nullable=True),
    )
    op.create_index("ix_speed_asked", "speed", list(ASKED_BY))


def downgrade() -> None:
    """Back to speeds that are read from the files each time."""
    op.drop_table("speed")
