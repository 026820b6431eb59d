"""The store's own runs as rows, laid over published ones: another model, text and protocol."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from nmviz.base.errors import UserError
from nmviz.base.wording import listed
from nmviz.core.comparing.pins import pin_of
from nmviz.core.experiment import Experiment
from nmviz.core.pairing import floor_of, mean_error
from nmviz.core.protocols import text_in_words
from nmviz.core.results import Measurement, Result
from nmviz.core.rules import in_words
from nmviz.published import Names
from nmviz.published.listing.asking import NOTHING as NOT_ASKED
from nmviz.published.listing.asking import asked
from nmviz.published.listing.by_task import by_tasks
from nmviz.published.listing.row import OWN_SOURCE, Row
from nmviz.published.listing.selection import MEASURES, Selection, task_title
from nmviz.published.listing.standard_errors import Error, of_paired_drop
from nmviz.sources import models
from nmviz.sources.tasks import TASKS

DIFFERENT = "another model, text and protocol than the published numbers: compare the shapes only"
BESIDE: Mapping[str, tuple[str, ...]] = {"perplexity": ("delta_nll",)}
"""What is shown of a live run together with a measure."""
NOTHING = (
    "No live run has {measure} for this choice: measure it in Explore, or with `nmviz run`; "
    "accuracies come with its --tasks, and all the chosen tasks must have been run."
)


def rows(results: Sequence[Result], names: Names, selection: Selection) -> list[Row]:
    """Runs that prune every layer, the newest of an experiment, for the chosen patterns; beside
    accuracies the dense runs they are compared with."""
    newest = {result.key: result for result in results if _whole(result)}
    dense = {key: result for key, result in newest.items() if result.experiment.mask.is_dense}
    found: list[Row] = []
    beside: dict[str, Result] = {}
    for result in newest.values():
        if _wanted(result, names, selection):
            against = dense.get(_dense_key(result.experiment))
            made = list(_rows_of(result, against, names, selection))
            beside |= {against.key: against} if made and against else {}
            found += made
    if selection.metric != "drop":
        found += [row for one in beside.values() for row in _rows_of(one, None, names, selection)]
    return found


def missing(selection: Selection, found: Sequence[Row]) -> str:
    """That there is no live run to lay over, or an empty string."""
    if not selection.live or any(row.live for row in found):
        return ""
    return NOTHING.format(measure=MEASURES[selection.metric].title)


def _whole(result: Result) -> bool:
    one = result.experiment
    return one.projections is None and one.blocks is None and not (one.unknown or result.partial)


def _dense_key(one: Experiment) -> str:
    """The key of the dense run that answers the same questions; empty where none are asked."""
    return one.but(pattern="dense").key if one.tasks else ""


def _wanted(result: Result, names: Names, selection: Selection) -> bool:
    one = result.experiment
    method = names.of_method(one)
    return (
        not one.mask.is_dense
        and (not selection.patterns or one.pattern in selection.patterns)
        and (not selection.methods or method in selection.methods)
    )


def _rows_of(
    result: Result, dense: Result | None, names: Names, selection: Selection
) -> Iterator[Row]:
    measure = MEASURES[selection.metric]
    if measure.name == "drop":
        yield from _drops(result, dense, names, selection)
    elif measure.by_task:
        for parts in by_tasks(result, measure.metric, selection):
            mean = fmean(one.value for one in parts)
            yield _row(result, names, measure.metric, parts, mean, _error(parts))
    else:
        for metric in (measure.metric, *BESIDE.get(measure.name, ())):
            for one in result.measurements:
                if one.metric == metric:
                    error = _beside_floor(_error((one,)), result, metric)
                    yield _row(result, names, metric, (one,), one.value, error)


def _drops(
    result: Result, dense: Result | None, names: Names, selection: Selection
) -> Iterator[Row]:
    """What is lost against the dense run of the same examples; nothing without one."""
    for parts in by_tasks(result, "acc", selection) if dense else ():
        levels = [one for part in parts if dense and (one := dense.get("acc", part.task))]
        if len(levels) < len(parts) or not all(one.value for one in levels):
            continue
        shares = [1 - one.value / level.value for one, level in zip(parts, levels, strict=True)]
        apart = [result.get("acc_difference", part.task) for part in parts]
        error = of_paired_drop(parts, levels, apart)
        yield _row(result, names, "average_drop", parts, 100 * fmean(shares), error)


def _row(
    result: Result,
    names: Names,
    metric: str,
    parts: Sequence[Measurement],
    value: float,
    error: Error,
) -> Row:
    experiment = result.experiment
    return Row(
        experiment=experiment,
        model=_title(experiment.model),
        method=names.of_method(experiment),
        metric=metric,
        task=task_title([one.task or "" for one in parts]) if parts[0].task else "",
        value=value,
        stderr=error.value,
        stderr_from=error.origin,
        how="measured",
        source=OWN_SOURCE,
        place=_measured_on(experiment, parts),
        note=DIFFERENT,
        live=True,
        asked=asked(result) if parts[0].task else NOT_ASKED,
        pin=pin_of(result),
    )


def _measured_on(one: Experiment, parts: Sequence[Measurement]) -> str:
    """The text, or which examples of which splits."""
    rules = "".join(f", {said}" for said in in_words(one.ties, one.dropping))
    if not one.tasks:
        return f"{one.tokens:,} tokens of {text_in_words(one)}{rules}"
    splits = listed(TASKS.get(part.task).split for part in parts if part.task)
    counted = f"first {one.limit:,}" if one.limit else "all"
    each = " of each task" if len(parts) > 1 else ""
    chat = ", chat template" if one.chat else ""
    return f"{counted} examples{each} ({splits}){chat}{rules}"


def _error(parts: Sequence[Measurement]) -> Error:
    error = mean_error(parts)
    if error is None:
        return Error(None, "not known: too little text for a spread")
    if len(parts) > 1:
        return Error(error, f"{parts[0].n} examples of each; tasks independent")
    return Error(error, f"{parts[0].n} {parts[0].unit_of_n}" if parts[0].n else "the run")


def _beside_floor(error: Error, result: Result, metric: str) -> Error:
    """With what rounding alone does to the cost, where it was measured."""
    floor = floor_of(result)
    if metric != "delta_nll" or floor is None:
        return error
    return Error(error.value, f"{error.origin}; noise floor {floor.delta_nll:.2g} nats a token")


def _title(model: str) -> str:
    try:
        return models.describe(model).title
    except UserError:  # a folder that is gone
        return model
