"""The published numbers as the page and the command line use them, read once a process."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.published import Names, PublishedSource, read_names, read_sources
from nmviz.published.audit import Finding, Report, marks, report
from nmviz.published.baselines import Baseline, read_baselines
from nmviz.published.cells import Cell
from nmviz.service.runs import store
from nmviz.store.database import published_folder


@dataclass(frozen=True)
class Published:
    """Every published result in the store, with names and sources."""

    results: tuple[Result, ...]
    names: Names
    sources: tuple[PublishedSource, ...]

    @cached_property
    def audit(self) -> Report:
        """What the audit says of them, made when it is first asked for."""
        return report(self.results, self.names) if self.results else Report((), ())

    @cached_property
    def marks(self) -> Mapping[Cell, tuple[Finding, ...]]:
        """The findings about each number."""
        return marks(self.audit.findings)


def of_experiment(experiment: Experiment) -> tuple[Result, ...]:
    """What is published of an experiment: of its model, pattern, target and method. The scope and
    how the text is read may differ: every result says its own.
    """
    known = published()
    method = known.names.of_method(experiment)
    return tuple(
        result
        for result in known.results
        if (result.experiment.model, result.experiment.pattern)
        == (experiment.model, experiment.pattern)
        and known.names.of_result(result) == method
    )


@cache
def published() -> Published:
    """From the store, which seeding has brought in line with results/published."""
    folder = published_folder()
    if folder is None:  # installed without the project's results
        return Published((), Names([]), ())
    names, sources = read_names(folder), tuple(read_sources(folder))
    found = tuple(store().find(source=[source.id for source in sources]))
    return Published(found, names, sources)


@cache
def baselines() -> tuple[Baseline, ...]:
    """What is published of 4-bit weights and of smaller dense models; nothing where the project's
    results are not installed."""
    folder = published_folder()
    return () if folder is None else read_baselines(folder)
