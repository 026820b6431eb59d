"""Live measurements that evaluate no text: masks compared, passes timed. They are results too."""

from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from threading import Event
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nmviz.base.errors import check_of
from nmviz.base.stepping import each
from nmviz.claims.shared import short_texts
from nmviz.core.experiment import Experiment
from nmviz.core.provenance import collect
from nmviz.core.reading import Artefacts
from nmviz.core.results import Measurement, Progress, Result
from nmviz.service.at_hand.models import load
from nmviz.service.choices import canonical
from nmviz.sources import models

if TYPE_CHECKING:
    from nmviz.engine.look.overlap import Overlap
    from nmviz.engine.measure.timing import Timing

Steps = Generator[Progress, None, Result]


def overlap(model: str, stop: Event) -> Steps:
    """How much of a token's mask other tokens share; may raise Cancelled."""
    from nmviz.engine.look.overlap import measure

    (asked,) = short_texts.overlap(model)
    steps = measure(load(model), canonical(asked), short_texts.TEXTS, check_of(stop))
    made = _clock(asked)
    found = yield from _reported(steps, "comparing masks", len(short_texts.TEXTS))
    about = {"layers": str(found.sites), "tokens": str(found.tokens)}
    return made(tuple(_shares(found)), about, None)


def timing(model: str, stop: Event) -> Steps:
    """How long a forward pass takes on this machine; may raise Cancelled."""
    from nmviz.engine.measure.timing import REPEATS, WARM_UP, measure

    (asked,) = short_texts.timing(model)
    steps = measure(
        load(model),
        canonical(asked),
        " ".join(short_texts.TEXTS),
        short_texts.TIMED,
        check_of(stop),
    )
    made = _clock(asked)
    found = yield from _reported(steps, "timing", 3 * (WARM_UP + REPEATS))
    return made(tuple(_times(found)), {}, found.threads)


def _shares(found: "Overlap") -> Iterator[Measurement]:
    """The mean over texts, or pairs of them, with its standard error."""
    for kind, samples in (*found.shares.items(), *found.by_projection.items()):
        unit = "pairs of texts" if kind == "across" else "texts"
        yield _mean("mask_overlap", kind, samples, unit)
    for kind, samples in found.together.items():
        yield _mean("columns_together", kind, samples, "texts" if "one text" in kind else "groups")


def _mean(metric: str, task: str, samples: tuple[float, ...], unit: str) -> Measurement:
    count = len(samples)
    mean = sum(samples) / count
    squares = sum((sample - mean) ** 2 for sample in samples)
    error = (squares / (count - 1) / count) ** 0.5 if count > 1 else None
    return Measurement(metric=metric, task=task, value=mean, stderr=error, n=count, unit_of_n=unit)


def _times(found: "Timing") -> Iterator[Measurement]:
    """Every repeat apart: ratios are taken within one turn."""
    for name, seconds in found.seconds.items():
        for turn, one in enumerate(seconds, start=1):
            yield Measurement(metric="forward_seconds", task=f"{name}, turn {turn}", value=one)


def _clock(asked: Experiment) -> Callable[..., Result]:
    """Started now; what it gives makes the result once there are numbers."""
    began, started = perf_counter(), datetime.now(UTC)
    read = Artefacts(model=models.identify(asked.model), corpus=short_texts.SHA256)

    def made(
        numbers: tuple[Measurement, ...], settings: dict[str, str], threads: int | None
    ) -> Result:
        loaded = load(asked.model)
        return Result(
            experiment=canonical(asked).but(artefacts=read),
            measurements=numbers,
            provenance=collect(
                started=started,
                seconds=perf_counter() - began,
                device=loaded.device,
                threads=threads,
                settings={**loaded.computing, **settings},
                artefacts=read.model_dump(exclude_none=True),
            ),
        )

    return made


def _reported(steps: Any, stage: str, total: int) -> Generator[Progress, None, Any]:
    """What a measurement returns; what it yields becomes progress in percent."""
    return each(steps, lambda done: Progress(stage, share=done / total))
