"""Measuring from a script: one experiment, many, or a model part by part."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.base.validation import built
from nmviz.core.attribution.parts import Attribution as Measured
from nmviz.core.attribution.parts import check_way
from nmviz.core.experiment import Experiment as Settled
from nmviz.core.grids import Grid, LeftOut, grid_of, read_grid
from nmviz.core.results import Result
from nmviz.core.running import Running
from nmviz.library.experiment import Experiment, settled
from nmviz.library.framed import Framed, Rows, frame_of
from nmviz.library.records import of_figure, of_layer
from nmviz.service import attribution, schedules
from nmviz.service.following import followed
from nmviz.service.sweep import Outcome
from nmviz.service.sweep import sweep as measure
from nmviz.views.explore.sentences import how_and_where
from nmviz.views.tray.titles import title_of

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Run(Framed):
    """What was measured of an experiment, and where it comes from."""

    result: Result
    from_store: bool = True

    @property
    def experiment(self) -> Experiment:
        return Experiment.of(self.result.experiment)

    @property
    def key(self) -> str:
        """What it is stored under; `nmviz compare` and the page find it by that."""
        return self.result.key

    @property
    def heading(self) -> str:
        """Model and method in words."""
        return title_of(self.result)

    def value(self, metric: str, task: str | None = None) -> float:
        """A number that was measured, in the unit that `to_frame` says. UserError for another."""
        found = self.result.get(metric, task)
        if found is None:
            known = ", ".join(dict.fromkeys(one.metric for one in self.result.measurements))
            raise UserError(f"{metric[:40]!r} was not measured of it: {known}.")
        return found.value

    def to_frame(self) -> "DataFrame":
        """A row a figure: its value, standard error, what that is from, and the unit."""
        return frame_of([of_figure(one) for one in self.result.measurements])

    def layers(self) -> Rows[Any]:
        """The relative output error of every layer, and the share of entries kept; experts of a
        block pooled."""
        found = self.result.layers
        return Rows(tuple(found), tuple(map(of_layer, found)))


@dataclass(frozen=True)
class Sweep(Framed):
    """What came of a grid: a run of every experiment, those that failed and why, and combinations
    that are no experiment."""

    runs: tuple[Run, ...]
    failed: tuple[tuple[Experiment, str], ...]
    left_out: tuple[LeftOut, ...]

    def to_frame(self) -> "DataFrame":
        """A row a run: what was done, and a column for every figure and its standard error."""
        return frame_of([_row(one.result) for one in self.runs])


@dataclass(frozen=True)
class Attribution(Framed):
    """What every part of a model costs pruned alone, beside noise of the same size."""

    measured: Measured

    @property
    def additivity(self) -> float | None:
        """The sum of the parts' costs over the cost of all at once; None where that cost is not
        told from nothing."""
        found = self.measured.additivity
        return None if found is None else found.value

    @property
    def heading(self) -> str:
        """Model and method in words."""
        return title_of(self.measured.whole)

    def to_frame(self) -> "DataFrame":
        """A row a part."""
        return frame_of([one.to_json() for one in self.measured.parts])


def run(
    experiment: Experiment | None = None,
    *,
    text: str | None = None,
    quiet: bool | None = None,
    **settings: Any,
) -> Run:
    """Prune a model and measure it; a stored result is given at once.

    Settings are those of an `Experiment`, and ways of running: `device`, `rerun`, `precision`,
    `noise_floor`, `keep` and others, see `nmviz.core.running`. `text` is a text of your own.
    `quiet` shows no progress; None shows it where a person watches. UserError for what is wrong.
    """
    how, asked = _apart(settings)
    one = settled(experiment, asked)
    if text is not None:
        one = one.but(corpus=service.OWN_TEXT)
    unit = "examples" if one.tasks else "tokens"
    last = followed(service.run([one], text=text, how=how), unit, quiet=quiet)
    return Run(last.results[0], last.from_store)


def lookup(
    experiment: Experiment | None = None, *, text: str | None = None, **settings: Any
) -> Run | None:
    """The stored result of an experiment, or None. Nothing is loaded."""
    found = service.lookup(settled(experiment, settings), text)
    return None if found is None else Run(found)


def sweep(
    grid: Mapping[str, Any] | str | Path, *, quiet: bool | None = None, **settings: Any
) -> Sweep:
    """Measure every combination of a grid; what is stored already is not measured again.

    A grid maps settings of an experiment to values or lists of them, such as
    `{"pattern": ["2:4", "8:16"], "criterion": ["magnitude", "clact"]}`, or is the file of one.
    `settings` are ways of running, and `retry_failed`. UserError where no combination is an
    experiment, and where another sweep is at work on the store.
    """
    retry = bool(settings.pop("retry_failed", False))
    how, asked = _apart({"exact_errors": False, "partial_results": False, **settings})
    if asked:
        raise UserError(f"{next(iter(asked))[:40]!r} is no way of running: put it into the grid.")
    chosen = grid_of(grid) if isinstance(grid, Mapping) else read_grid(Path(grid))
    schedule = schedules.schedule(chosen, how, retry_failed=retry)
    failed = [(one, failure.reason) for one, failure in schedule.failed]
    failed += _failures(schedule, quiet)
    return Sweep(
        tuple(map(Run, schedules.stored_results(_ended(chosen, how)))),
        tuple((Experiment.of(one), reason) for one, reason in failed),
        schedule.left_out,
    )


def attribute(
    experiment: Experiment | None = None,
    *,
    by: str = "block",
    text: str | None = None,
    quiet: bool | None = None,
    **settings: Any,
) -> Attribution:
    """Measure what each `block`, `projection` or `site` of a model costs pruned alone."""
    way = check_way(by)
    how, asked = _apart(settings)
    steps = attribution.attribute(settled(experiment, asked), way, text=text, how=how)
    last = followed(steps, "tokens", quiet=quiet)
    return Attribution(attribution.attributed(way, last.results))


def _apart(settings: Mapping[str, Any]) -> tuple[Running, dict[str, Any]]:
    """Ways of running, and what is left: settings of an experiment."""
    how = {name: value for name, value in settings.items() if name in Running.model_fields}
    left = {name: value for name, value in settings.items() if name not in how}
    return built(Running, {"keep_passes": False, **how}), left


def _ended(grid: Grid, how: Running) -> schedules.Schedule:
    return schedules.schedule(grid, how)


def _failures(schedule: schedules.Schedule, quiet: bool | None) -> Iterator[tuple[Settled, str]]:
    """Measure what is to do, and say what fails."""
    with tqdm(total=len(schedule.to_do), unit=" experiments", disable=quiet, leave=False) as bar:
        for event in measure(schedule):
            if isinstance(event, Outcome):
                bar.update(1)
                if event.failure is not None:
                    yield event.experiment, event.failure.reason


def _row(result: Result) -> dict[str, Any]:
    one = result.experiment
    told: dict[str, Any] = {
        "model": one.model,
        "target": "dense" if one.is_dense else one.target,
        "pattern": one.pattern,
        "method": how_and_where(one),
        "corpus": one.corpus,
        "tokens": one.tokens,
    }
    for number in result.measurements:
        name = f"{number.task} {number.metric}" if number.task else number.metric
        told |= {name: number.value, f"{name} stderr": number.stderr}
    return told | {"key": result.key}
