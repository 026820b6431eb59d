"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """From an empty database."""
    _create_source_and_experiment()
    _create_result()
    _create_artefact()
    op.create_table(
        "seed_state",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
    )


def _create_source_and_experiment() -> None:
    optional = ("citation", "url", "version", "licence", "extraction")
    op.create_table(
        "source",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("title", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text()) for name in optional),
        sa.Column("seeded", sa.Boolean(), nullable=False),
    )
    texts = ("canonical", "model", "target", "pattern", "criterion", "mitigations", "corpus")
    op.create_table(
        "experiment",
        sa.Column("key", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("tokens", "window")),
    )
    op.create_index(
        "ix_experiment_model_target_pattern", "experiment", ["model", "target", "pattern"]
    )


def _create_result() -> None:
    op.create_table(
        "result",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("experiment_key", sa.Text(), sa.ForeignKey("experiment.key"), nullable=False),
        sa.Column("source_id", sa.Text(), sa.ForeignKey("source.id"), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("started", "content_hash")),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("own", "seeded")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("provenance", "sites", "drift")),
        sa.UniqueConstraint("content_hash"),
    )
    for column in ("experiment_key", "source_id", "seeded"):
        op.create_index(f"ix_result_{column}", "result", [column])
    op.create_table(
        "measurement",
        sa.Column("result_id", sa.Integer(), _result(), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("task", sa.Text()),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("stderr", sa.Double()),
        sa.Column("n", sa.BigInteger()),
        *(sa.Column(name, sa.Text()) for name in ("unit_of_n", "printed")),
    )
    op.create_index("ix_measurement_metric", "measurement", ["metric"])


def _create_artefact() -> None:
    op.create_table(
        "artefact",
        sa.Column("id", sa.Integer(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("name", "sha256", "kind")),
        sa.UniqueConstraint("name", "sha256"),
    )
    op.create_table(
        "result_artefact",
        sa.Column("result_id", sa.Integer(), _result(), primary_key=True),
        sa.Column("artefact_id", sa.Integer(), sa.ForeignKey("artefact.id"), primary_key=True),
    )
    op.create_index("ix_result_artefact_artefact_id", "result_artefact", ["artefact_id"])


def _result() -> sa.ForeignKey:
    return sa.ForeignKey("result.id", ondelete="CASCADE")


def downgrade() -> None:
    """Back to an empty database."""
    tables = ("seed_state", "result_artefact", "artefact", "measurement", "result")
    for table in (*tables, "experiment", "source"):
        op.drop_table(table)
