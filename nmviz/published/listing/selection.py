"""What to show of the published results, and what there is to choose from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from nmviz.core.metrics import METRICS
from nmviz.core.results import Result
from nmviz.methods.patterns import parse_pattern
from nmviz.published import FOUR_MODELS, FOUR_TASKS, LARGE_MODELS, TASKS, Names

Quantity = Literal["drop", "acc", "acc_norm", "perplexity", "prompt_strict", "prompt_loose"]
Order = Literal["place", "least", "most"]
ORDERS: Mapping[Order, str] = {
    "place": "model, pattern, method",
    "least": "least value first",
    "most": "most value first",
}

AVERAGE_TITLE = "mean of the four models, as printed"


@dataclass(frozen=True)
class Measure:
    """A quantity of the explorer: `metric` is its name in METRICS."""

    name: Quantity
    title: str
    metric: str
    by_task: bool

    @property
    def unit(self) -> str:
        """As the metric has it."""
        return METRICS.get(self.metric).unit


def _measure(name: Quantity, title: str, metric: str) -> Measure:
    return Measure(name, title, metric, name in ("drop", "acc", "acc_norm"))


MEASURES: Mapping[Quantity, Measure] = {
    one.name: one
    for one in (
        _measure("drop", "accuracy lost against dense", "average_drop"),
        _measure("acc", "accuracy", "acc"),
        _measure("acc_norm", "accuracy, length counted", "acc_norm"),
        _measure("perplexity", "perplexity", "perplexity"),
        _measure("prompt_strict", "instructions followed, strict", "prompt_strict"),
        _measure("prompt_loose", "instructions followed, loose", "prompt_loose"),
    )
}
BY_METRIC: Mapping[str, Measure] = {one.metric: one for one in MEASURES.values()}


def is_better_higher(metric: str) -> bool:
    """Whether more of a quantity is better."""
    return metric in METRICS and METRICS.get(metric).better == "higher"


@dataclass(frozen=True)
class Selection:
    """Which rows. An empty tuple of anything leaves it open.

    `models` are ids, `methods` usual names (ACT, WT, D-PTS ...), `places` tables or runs. With
    several `tasks` a row is their mean, unless `each_task`; rows that lack one of them are left
    out. Without tasks every row takes what its place has. `live` lays the store's own runs over,
    `imported` what a user imported; `words` are terms that must all hold (terms.py). In every
    `order` censored values come last.
    """

    models: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    tasks: tuple[str, ...] = FOUR_TASKS
    metric: Quantity = "drop"
    sources: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    each_task: bool = False
    live: bool = False
    words: str = ""
    order: Order = "place"
    imported: bool = False


@dataclass(frozen=True)
class Choices:
    """Everything the published results have, each in the order it is shown."""

    models: Mapping[str, str]  # id to title
    patterns: tuple[str, ...]
    methods: tuple[str, ...]
    tasks: Mapping[str, str]
    sources: tuple[str, ...]
    places: tuple[str, ...]


def choices(results: Sequence[Result], names: Names) -> Choices:
    """What can be chosen in these published results."""
    models = {result.experiment.model for result in results}
    tasks = {one.task for result in results for one in result.measurements}
    printed = [result.provenance for result in results]
    places = {made.printed.place for made in printed if made.printed}
    return Choices(
        models={model: model_title(model) for model in model_order(models)},
        patterns=tuple(
            sorted({r.experiment.pattern for r in results} - {"dense"}, key=pattern_order)
        ),
        methods=tuple(method_order({names.of_result(result) for result in results})),
        tasks={task: title for task, title in TASKS.items() if task in tasks - {"ifeval"}},
        sources=tuple(dict.fromkeys(made.source for made in printed)),
        places=tuple(sorted(places, key=place_order)),
    )


@cache
def pattern_order(pattern: str) -> tuple[int, int, float]:
    """Sorts dense first, then N:M by M and N, then P% by P."""
    mask = parse_pattern(pattern)
    if mask.is_dense:
        return (0, 0, 0.0)
    if mask.group is not None:
        return (1, mask.group, float(mask.keep or 0))
    return (2, 0, float(mask.percent or 0))


def model_order(models: Iterable[str]) -> list[str]:
    """The four large models, then their mean, then any other."""
    known = [*LARGE_MODELS, FOUR_MODELS]
    return sorted(models, key=lambda model: (_place(model, known), model))


def model_title(model: str) -> str:
    """A model of the published results in words."""
    if model == FOUR_MODELS:
        return AVERAGE_TITLE
    return LARGE_MODELS.get(model).title if model in LARGE_MODELS else model


_METHODS = (
    *("dense", "WT", "ACT", "CLACT", "Amber-Pruner", "VAR", "D-PTS", "S-PTS", "L-PTS"),
    *("R-Sparse", "R-Sparse (64)", "R-Sparse (128)"),
)


def method_order(methods: Iterable[str]) -> list[str]:
    """Dense, weights, activations, then criteria and mitigations, then what is combined."""
    return sorted(methods, key=lambda method: (_place(method, _METHODS), method))


def place_order(place: str) -> tuple[int, str]:
    """Tables by their number, then logs."""
    number = place.rpartition(" ")[2]
    return (int(number), place) if number.isdigit() else (1_000, place)


def task_title(tasks: Sequence[str]) -> str:
    """`BoolQ`, `mean over ARC-Easy, BoolQ, PIQA, WinoGrande`, `mean over 11 tasks`."""
    titles = [TASKS.get(task, task) for task in tasks]
    if len(titles) == 1:
        return titles[0]
    return f"mean over {', '.join(titles) if len(titles) <= 4 else f'{len(titles)} tasks'}"


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)
