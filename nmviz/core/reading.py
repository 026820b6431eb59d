"""What an experiment reads: files by their hashes, and how a text is read."""

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from nmviz.core.settings import Protocol


class Artefacts(BaseModel):
    """SHA-256 of what the experiment reads; None where it is not known (published results)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    corpus: str | None = None


class Reading(NamedTuple):
    """How the text is read, every part of it known."""

    corpus: str
    tokens: int
    window: int
    bos: Literal["window", "once"]
    protocol: Protocol
    calibration_windows: int
    seed: int
