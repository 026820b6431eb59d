"""Results that a user imported as rows: lm-eval's and logs of the authors' code, each with its file
and how its tasks were asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from nmviz.base.errors import UserError
from nmviz.core.comparing.pins import pin_of
from nmviz.core.results import Measurement, Result
from nmviz.published import Names
from nmviz.published.listing.asking import NOTHING as NOT_ASKED
from nmviz.published.listing.asking import asked
from nmviz.published.listing.by_task import by_tasks
from nmviz.published.listing.row import IMPORTED_SOURCE, How, Row, titled
from nmviz.published.listing.selection import MEASURES, Selection, task_title
from nmviz.published.listing.standard_errors import Error, error_of, of_drop, of_mean

OTHERS = (
    "from a user's own files, not checked here, and perhaps asked in another way: each says how"
)
NONE_YET = (
    "Nothing was imported yet: `nmviz store import FILE` takes lm-eval's JSON, records of Every "
    "Eval Ever, what llama.cpp prints, and logs of the authors' code."
)
DENSE_LOSE_NOTHING = (
    "No imported result has accuracy lost for this choice: those of dense models lose none, and "
    "pruned ones need the dense model of the same name, asked in the same way; choose accuracy."
)
NOTHING = "No imported result has {measure} for this choice: the whole list is further down."


@dataclass(frozen=True)
class Imported:
    """A result and the file it came from, in words."""

    result: Result
    file: str


def rows(imported: Sequence[Imported], names: Names, selection: Selection) -> list[Row]:
    """Those of the chosen patterns and methods, dense ones always; of any model, as it is another
    than the published ones."""
    return [
        row
        for one in imported
        if _wanted(one.result, names, selection)
        for row in _rows_of(one, imported, names, selection)
    ]


def whole_list(imported: Sequence[Imported], names: Names) -> list[Row]:
    """Every number of every imported result, each task by itself."""
    open_to_all = Selection(tasks=(), each_task=True)
    return [
        _row(one, names, (number,), number.value, error_of(number), "printed")
        for one in imported
        for number in one.result.measurements
        if number.metric in _METRICS and _wanted(one.result, names, open_to_all)
    ]


_METRICS = frozenset(one.metric for one in MEASURES.values())


def missing(selection: Selection, found: Sequence[Row], imported: Sequence[Imported]) -> str:
    """Why there is no imported row, or an empty string."""
    if not selection.imported or any(row.imported for row in found):
        return ""
    if not imported:
        return NONE_YET
    if selection.metric == "drop":
        return DENSE_LOSE_NOTHING
    return NOTHING.format(measure=MEASURES[selection.metric].title)


def _method(result: Result, names: Names) -> str:
    try:
        return names.of_result(result)
    except UserError:  # a name that a file of another program uses
        return names.of_method(result.experiment)


def _wanted(result: Result, names: Names, selection: Selection) -> bool:
    one = result.experiment
    return one.mask.is_dense or (
        (not selection.patterns or one.pattern in selection.patterns)
        and (not selection.methods or _method(result, names) in selection.methods)
    )


def _rows_of(
    one: Imported, imported: Sequence[Imported], names: Names, selection: Selection
) -> Iterator[Row]:
    measure = MEASURES[selection.metric]
    if measure.name == "drop":
        yield from _drops(one, imported, names, selection)
    elif measure.by_task:
        for parts in _parts(one.result, measure.metric, selection):
            how: How = "printed" if len(parts) == 1 else "recomputed"
            mean = fmean(part.value for part in parts)
            yield _row(one, names, parts, mean, of_mean(one.result, parts), how)
    else:
        for number in one.result.measurements:
            if number.metric == measure.metric:
                yield _row(one, names, (number,), number.value, error_of(number), "printed")


def _parts(result: Result, metric: str, selection: Selection) -> Iterator[tuple[Measurement, ...]]:
    """The mean of the chosen tasks where the file has them all; else each that it has. A file has
    what somebody chose to ask, so what it lacks must not hide the rest."""
    found = list(by_tasks(result, metric, selection)) if selection.tasks else []
    if found:
        yield from found
        return
    wanted = set(selection.tasks)
    for one in result.measurements:
        if one.metric == metric and (not wanted or one.task in wanted):
            yield (one,)


def _drops(
    one: Imported, imported: Sequence[Imported], names: Names, selection: Selection
) -> Iterator[Row]:
    """Against an imported dense result of the same model that was asked in the same way."""
    if one.result.experiment.mask.is_dense:
        return
    alike = [
        other.result
        for other in imported
        if other.result.experiment.mask.is_dense and _way(other.result) == _way(one.result)
    ]
    for parts in _parts(one.result, "acc", selection):
        tasks = [part.task for part in parts]
        dense = next((d for d in alike if all(_above_zero(d, task) for task in tasks)), None)
        if dense is None:
            continue
        levels = [level for task in tasks if (level := dense.get("acc", task))]
        shares = [1 - p.value / level.value for p, level in zip(parts, levels, strict=True)]
        error = of_drop(one.result, dense, tasks)
        yield _row(one, names, parts, 100 * fmean(shares), error, "recomputed", "average_drop")


def _way(result: Result) -> tuple[object, ...]:
    one = result.experiment
    return one.model, one.shots, one.limit, one.chat, asked(result)


def _above_zero(result: Result, task: str | None) -> bool:
    level = result.get("acc", task)
    return level is not None and level.value > 0


def _row(
    one: Imported,
    names: Names,
    parts: Sequence[Measurement],
    value: float,
    error: Error,
    how: How,
    metric: str = "",
) -> Row:
    told = one.result.provenance.printed
    return Row(
        experiment=one.result.experiment,
        model=titled(one.result.experiment),
        method=_method(one.result, names),
        metric=metric or parts[0].metric,
        task=task_title([part.task or "" for part in parts]) if parts[0].task else "",
        value=value,
        stderr=error.value,
        stderr_from="as in the file" if error.origin == "log" else error.origin,
        how=how,
        source=IMPORTED_SOURCE,
        place=one.file,
        printed_model=told.model if told else "",
        printed_method=told.method if told else "",
        printed_scope=(told.scope or "") if told else "",
        note=OTHERS,
        imported=True,
        asked=asked(one.result) if parts[0].task else NOT_ASKED,
        pin=pin_of(one.result),
    )
