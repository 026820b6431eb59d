"""Looks at the layers of a pruned model, beside its result."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

INDEXED = ("result_id", "pruned", "model")


def upgrade() -> None:
    """Empty: nothing was kept of the layers before."""
    op.create_table(
        "looks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("result_id", sa.Integer(), nullable=False),
        sa.Column("pruned", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_looks"),
        sa.ForeignKeyConstraint(
            ["result_id"], ["result.id"], name="fk_looks_result_id", ondelete="CASCADE"
        ),
    )
    for name in INDEXED:
        op.create_index(f"ix_looks_{name}", "looks", [name])


def downgrade() -> None:
    """Back to results alone."""
    op.drop_table("looks")
