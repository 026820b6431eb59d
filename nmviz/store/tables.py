"""The tables. Every type is one that SQLite and PostgreSQL both have."""

from sqlalchemy import (
    BigInteger,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
"""A later migration can only change a constraint that has a name."""


class Base(DeclarativeBase):
    """What every table shares: names of constraints, and the database type of each Python type."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {str: Text, float: Double, bytes: LargeBinary}  # noqa: RUF012 - the declarative API's own


class SourceRow(Base):
    """Where results come from: our own runs, or one paper or log."""

    __tablename__ = "source"

    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    citation: Mapped[str | None]
    url: Mapped[str | None]
    version: Mapped[str | None]
    licence: Mapped[str | None]
    extraction: Mapped[str | None]  # how the numbers were taken from it
    seeded: Mapped[bool]


class ExperimentRow(Base):
    """One question by its key. The columns beside `canonical` repeat it, so that queries filter."""

    __tablename__ = "experiment"
    __table_args__ = (Index(None, "model", "target", "pattern"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    canonical: Mapped[str]
    model: Mapped[str]
    target: Mapped[str]
    pattern: Mapped[str]
    criterion: Mapped[str]
    mitigations: Mapped[str]  # joined by commas, in the order they act
    corpus: Mapped[str | None]  # not known of every published result, like the two below
    tokens: Mapped[int | None]
    window: Mapped[int | None]


class ResultRow(Base):
    """One answer. `own` rows were made or imported here, `seeded` ones shipped; a row may be both.
    `imported` ones came out of a file.

    `started` is UTC in one fixed width, so that the order of texts is the order of times.
    """

    __tablename__ = "result"

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_key: Mapped[str] = mapped_column(ForeignKey("experiment.key"), index=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("source.id"), index=True)
    started: Mapped[str]
    content_hash: Mapped[str] = mapped_column(unique=True)
    own: Mapped[bool]
    seeded: Mapped[bool] = mapped_column(index=True)
    imported: Mapped[bool] = mapped_column(server_default=false())
    provenance: Mapped[str]  # JSON, like the nine below: read whole, never searched
    sites: Mapped[str]
    drift: Mapped[str]
    censored: Mapped[str] = mapped_column(server_default="[]")
    examples: Mapped[str] = mapped_column(server_default="[]")
    unit_costs: Mapped[str] = mapped_column(server_default="[]")
    noise_floors: Mapped[str] = mapped_column(server_default="[]")
    by_confidence: Mapped[str] = mapped_column(server_default="[]")
    token_counts: Mapped[str] = mapped_column(server_default="[]")
    flips: Mapped[str] = mapped_column(server_default="null")


class MeasurementRow(Base):
    """One number of a result, in its printed unit."""

    __tablename__ = "measurement"

    result_id: Mapped[int] = mapped_column(
        ForeignKey("result.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(index=True)
    task: Mapped[str | None]
    value: Mapped[float]
    stderr: Mapped[float | None]
    n: Mapped[int | None] = mapped_column(BigInteger)
    unit_of_n: Mapped[str | None]
    printed: Mapped[str | None]
    no_stderr: Mapped[str | None]


class ArtefactRow(Base):
    """A file that results were made from, known by its hash."""

    __tablename__ = "artefact"
    __table_args__ = (UniqueConstraint("name", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    sha256: Mapped[str]
    kind: Mapped[str]  # model, corpus or other


class ResultArtefactRow(Base):
    """Which result was made from which file."""

    __tablename__ = "result_artefact"

    result_id: Mapped[int] = mapped_column(
        ForeignKey("result.id", ondelete="CASCADE"), primary_key=True
    )
    artefact_id: Mapped[int] = mapped_column(
        ForeignKey("artefact.id"), primary_key=True, index=True
    )


class LooksRow(Base):
    """Looks at the layers of the pruned model of a result: of one experiment those that were made
    last. `pruned` is the key of that model alone, on whatever text it was measured."""

    __tablename__ = "looks"

    id: Mapped[int] = mapped_column(primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id", ondelete="CASCADE"), index=True)
    pruned: Mapped[str] = mapped_column(index=True)
    model: Mapped[str] = mapped_column(index=True)
    about: Mapped[str]  # JSON: what is known of the model without it
    data: Mapped[bytes]


class SeedStateRow(Base):
    """What the shipped files looked like when they were last read: unchanged files are skipped."""

    __tablename__ = "seed_state"

    name: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    rows: Mapped[int]


class SpeedRow(Base):
    """One measured ratio that others published; `doubt` is why it cannot be, None where it can."""

    __tablename__ = "speed"
    __table_args__ = (Index("ix_speed_asked", "machine", "dtype", "phase", "target", "pattern"),)

    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pattern: Mapped[str] = mapped_column(primary_key=True)
    phase: Mapped[str]
    machine: Mapped[str]
    dtype: Mapped[str]
    target: Mapped[str]
    shape: Mapped[str]
    printed: Mapped[str]  # the ratio as its source has it
    dense: Mapped[str]
    unit: Mapped[str]
    source: Mapped[str]
    tokens: Mapped[int]
    d_in: Mapped[int]
    d_out: Mapped[int]
    ratio: Mapped[float]
    place: Mapped[str]
    doubt: Mapped[str | None]
