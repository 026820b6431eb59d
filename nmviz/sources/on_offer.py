"""Which models are on offer beside the pinned ones: those that NMVIZ_MODELS names, those added
while this process runs, and those that are not here, of which the page shows what is stored."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from nmviz.base.errors import UserError
from nmviz.sources.model_info import ModelInfo
from nmviz.sources.pinned import MODELS

OFFERED = "NMVIZ_MODELS"

_since: list[str] = []
"""Models that were added while this process runs; one is never taken away."""


def named() -> list[str]:
    """Those of NMVIZ_MODELS and those added since, each once, without the pinned ones."""
    parts = [part.strip() for part in os.environ.get(OFFERED, "").split(",")]
    return [name for name in dict.fromkeys([*parts, *_since]) if name and name not in MODELS]


def offer(model_id: str) -> None:
    """Add a model to those on offer, until this process ends."""
    if model_id not in _since:
        _since.append(model_id)


def offered_since() -> tuple[str, ...]:
    """The models that were added while this process runs, in order."""
    return tuple(_since)


@dataclass(frozen=True)
class StoredModel:
    """What is known of one, and the SHA-256 of the files that its results are of."""

    info: ModelInfo
    sha256: str

    @property
    def refusal(self) -> UserError:
        """For whoever asks for the model itself."""
        return UserError(
            f"{self.info.title} is known here by what is stored of it alone: name a folder or hub "
            "id that has its weights, or look at what was kept."
        )


Told = Callable[[], Mapping[str, StoredModel]]
_told: list[Told] = []
_ASIDE: ContextVar[bool] = ContextVar("aside", default=False)


def told_by(read: Told) -> None:
    """From now on this says which there are, by id. Only a process that shows them asks: the
    command line loads what it is given."""
    _told[:] = [read]


def told() -> Mapping[str, StoredModel]:
    """Those that there are now; none where nobody says."""
    return _told[0]() if _told and not _ASIDE.get() else {}


@contextmanager
def themselves() -> Iterator[None]:
    """Inside, models are looked for where they lie, whatever is stored of them."""
    token = _ASIDE.set(True)
    try:
        yield
    finally:
        _ASIDE.reset(token)


def stored(model_id: str) -> StoredModel | None:
    """What is stored of a model that is not offered here in another way; None for all others."""
    known = None if model_id in MODELS else told().get(model_id)
    return None if known is None or model_id in named() else known
