"""What an experiment reads: files by their hashes, how a text is read, and which of its settings
belong to what."""

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from nmviz.core.settings import Protocol

TEXT = ("corpus", "tokens", "window", "bos", "protocol", "stride")
"""What says which text is read: no part of an experiment that runs tasks."""
TASK = ("tasks", "limit", "chat", "shots")
"""What says how tasks are run: no part of an experiment that reads a text."""
SCOPE = ("projections", "blocks")
"""Which layers are pruned: what a plan says itself."""
USUAL = {"limit": None, "chat": False, "shots": 0}
"""How tasks are run where nothing else is said. Published and imported results that do so leave it
out of their key, as all did once; so does `shots` for everything."""


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
