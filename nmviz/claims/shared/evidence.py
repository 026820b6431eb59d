"""What claims are answered from: published rows and runs of our own, out of the store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from nmviz.claims.shared.budgets import BUDGETS, Budget
from nmviz.core.experiment import Experiment
from nmviz.core.reading import Artefacts
from nmviz.core.results import Result
from nmviz.core.ties import answering
from nmviz.published import Names
from nmviz.published.audit import Finding
from nmviz.published.baselines import Baseline
from nmviz.published.cells import Cell, cells
from nmviz.published.speed import Speed
from nmviz.published.speeds.measured import Measured

PAPER = "arxiv-2509.22166v1"


@dataclass(frozen=True)
class Evidence:
    """Everything a claim may look at."""

    published: tuple[Result, ...]
    names: Names
    marks: Mapping[Cell, tuple[Finding, ...]] = field(default_factory=dict)
    speeds: tuple[Speed, ...] = ()
    measured: tuple[Measured, ...] = ()  # ratios that are in no doubt
    baselines: tuple[Baseline, ...] = ()
    model: str = "smollm2-135m"
    own: tuple[Result, ...] = ()

    @cached_property
    def _rows(self) -> dict[tuple[str, str, str, str], list[Result]]:
        found: dict[tuple[str, str, str, str], list[Result]] = {}
        for result in self.published:
            printed = result.provenance.printed
            if printed is None or result.provenance.source != PAPER:
                continue
            one = result.experiment
            key = (printed.place, one.model, one.pattern, self.names.of_result(result))
            found.setdefault(key, []).append(result)
        return found

    def rows(self, place: str, model: str, pattern: str, method: str) -> list[Result]:
        """The rows of the paper at a table, by usual names; more than one where it prints more."""
        return self._rows.get((place, model, pattern, method), [])

    def row(self, place: str, model: str, pattern: str, method: str) -> Result | None:
        """The first of them, or None."""
        return next(iter(self.rows(place, model, pattern, method)), None)

    def dense(self, place: str, model: str) -> Result | None:
        """The dense row of a model in a table."""
        return self.row(place, model, "dense", "dense")

    def methods(self, place: str, model: str, pattern: str) -> list[str]:
        """The usual names of the methods a table has for a model and pattern, as printed."""
        return [key[3] for key in self._rows if key[:3] == (place, model, pattern)]

    def findings_of(self, result: Result, metric: str | None = None) -> tuple[Finding, ...]:
        """What the audit says of a row's values, of one metric where it is given; each once."""
        found: dict[str, Finding] = {}
        for cell in cells(result):
            if metric is None or cell.metric == metric:
                found |= {finding.id: finding for finding in self.marks.get(cell, ())}
        return tuple(found.values())

    def run(self, experiment: Experiment) -> Result | None:
        """Our own run of an experiment, whatever the hashes of what it read."""
        return answering(self._runs.get(one.key) for one in bare(experiment).answers)

    def most(
        self, experiments: Callable[[str, Budget], tuple[Experiment, ...]]
    ) -> list[Result | None]:
        """Our own runs of some experiments, in their order, on the text that has most of them."""
        found = [[self.run(one) for one in experiments(self.model, text)] for text in BUDGETS]
        return max(found, key=lambda runs: sum(run is not None for run in runs))

    @cached_property
    def _runs(self) -> dict[str, Result]:
        return {bare(result.experiment).key: result for result in self.own}


def bare(experiment: Experiment) -> Experiment:
    """The experiment without the hashes of what it reads."""
    return experiment.but(artefacts=Artefacts())
