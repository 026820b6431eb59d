"""What a report of results holds: figures, tables, methods, definitions, provenance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nmviz.base.errors import UserError
from nmviz.core.metrics import METRICS
from nmviz.core.results import Result
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.methods.method import Method, parse_call
from nmviz.service.figures.asked import Picture
from nmviz.service.figures.captions import read_by
from nmviz.service.figures.catalogue import draw
from nmviz.service.tables.results import compared, layers
from nmviz.service.tables.results import results as results_of
from nmviz.views.tables.table import Table

MOST = 6
"""Results of one report, as many as the tray holds."""
OF_EACH = ("error-by-layer", "kl-of-tokens", "delta-p-of-tokens")
"""Figures of the results of a method, weights and activations together."""


@dataclass(frozen=True)
class Collected:
    """All that is shown of some results."""

    results: tuple[Result, ...]
    pictures: tuple[Picture, ...]
    tables: tuple[Table, ...]

    @property
    def methods(self) -> list[Method]:
        """The criteria and mitigations that they use, each once."""
        found: dict[tuple[str, str], Method] = {}
        for one in (result.experiment for result in self.results):
            if one.is_dense or one.by is not None:
                continue
            registries = [(one.criterion, BY_TARGET[one.target])]
            registries += [(text, MITIGATIONS) for text in one.mitigations]
            for text, registry in registries:
                found[registry.kind, text] = parse_call(text, registry).method
        return list({(kind, method.name): method for (kind, _), method in found.items()}.values())

    @property
    def metrics(self) -> list[str]:
        """The quantities that the tables show, each once."""
        every = (one.metric for result in self.results for one in result.measurements)
        return [name for name in dict.fromkeys(every) if name in METRICS]


def collect(results: Sequence[Result]) -> Collected:
    """Everything of these results. UserError where they are too many, or one is named twice."""
    if not 1 <= len(results) <= MOST:
        raise UserError(f"A report is of 1 to {MOST} results, not of {len(results)}.")
    if len({one.key for one in results}) < len(results):
        raise UserError("A result is named twice: name each once.")
    tables = [results_of(results)]
    beside = (compared(results[0], other) for other in results[1:])
    tables += [one for one in beside if one.rows]
    with_layers = [one for one in results if one.layers]
    tables += [layers(with_layers)] if with_layers else []
    return Collected(tuple(results), tuple(_pictures(results)), tuple(tables))


def _pictures(results: Sequence[Result]) -> Iterator[Picture]:
    """Those that can be drawn of them, in the order of Explore, then A against each other one."""
    for group in _groups(results):
        for name in OF_EACH:
            yield from _maybe(name, group)
    asked: dict[str, list[Result]] = {}
    for one in results:
        if one.experiment.tasks:
            asked.setdefault(read_by(one), []).append(one)
    for group in asked.values():
        yield from _maybe("tasks", group)
    for other in results[1:]:
        if results[0].layers and other.layers:
            yield from _maybe("compare-layers", (results[0], other))


def _groups(results: Sequence[Result]) -> list[list[Result]]:
    """Weights and activations of one model, pattern and text stand in one figure."""
    groups: list[list[Result]] = []
    for one in (one for one in results if not one.experiment.is_dense):
        for group in groups:
            if len(group) == 1 and _beside(group[0], one):
                group.append(one)
                break
        else:
            groups.append([one])
    return groups


def _beside(one: Result, other: Result) -> bool:
    a, b = one.experiment, other.experiment
    alike = (a.model, a.pattern, read_by(one)) == (b.model, b.pattern, read_by(other))
    return alike and {a.target, b.target} == {"weight", "activation"}


def _maybe(name: str, results: Sequence[Result]) -> Iterator[Picture]:
    """A figure, or none where these results have nothing to draw there."""
    try:
        yield draw(name, list(results))
    except UserError:
        return
