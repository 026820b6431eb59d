"""The store's own runs as rows, laid over published ones: another model, text and protocol."""

from collections.abc import Iterator, Sequence

from nmviz import models
from nmviz.errors import UserError
from nmviz.experiment import Experiment
from nmviz.explorer.errors import Error
from nmviz.explorer.row import OWN_SOURCE, Row
from nmviz.explorer.selection import MEASURES, Selection
from nmviz.published import Names
from nmviz.results import Measurement, Result

DIFFERENT = "another model, text and protocol than the published numbers: compare the shapes only"
METRICS_OF: dict[str, tuple[str, ...]] = {"perplexity": ("perplexity", "delta_nll")}
"""What live runs have for a measure; they have no accuracies, so no drop is made up for them."""
NO_ACCURACIES = (
    "live runs measure perplexity and nats a token, no accuracies, so none can be laid over "
    "{measure}: choose perplexity"
)


def rows(results: Sequence[Result], names: Names, selection: Selection) -> list[Row]:
    """Runs that prune every layer, the newest of an experiment, for the chosen patterns."""
    metrics = METRICS_OF.get(selection.metric, ())
    newest = {_same(result): result for result in results if _whole(result)}
    return [
        _row(result, names, one)
        for result in newest.values()
        if _wanted(result, names, selection)
        for one in _of(result, metrics)
    ]


def missing(selection: Selection) -> str:
    """Why live runs cannot be laid over this measure, or an empty string."""
    if not selection.live or selection.metric in METRICS_OF:
        return ""
    said = NO_ACCURACIES.format(measure=MEASURES[selection.metric].title)
    return f"{said[0].upper()}{said[1:]}."


def _whole(result: Result) -> bool:
    one = result.experiment
    everywhere = one.projections is None and one.blocks is None and not one.unknown
    return everywhere and not one.mask.is_dense and not result.partial


def _same(result: Result) -> str:
    return result.experiment.key


def _wanted(result: Result, names: Names, selection: Selection) -> bool:
    one = result.experiment
    method = names.of_method(one)
    return (not selection.patterns or one.pattern in selection.patterns) and (
        not selection.methods or method in selection.methods
    )


def _of(result: Result, metrics: Sequence[str]) -> Iterator[Measurement]:
    return (one for name in metrics if (one := result.get(name)) is not None)


def _row(result: Result, names: Names, one: Measurement) -> Row:
    experiment = result.experiment
    return Row(
        experiment=experiment,
        model=_title(experiment.model),
        method=names.of_method(experiment),
        metric=one.metric,
        task="",
        value=one.value,
        stderr=_error(one).value,
        stderr_from=_error(one).origin,
        how="measured",
        source=OWN_SOURCE,
        place=_measured_on(experiment),
        note=DIFFERENT,
        live=True,
    )


def _measured_on(one: Experiment) -> str:
    return f"{one.tokens:,} tokens of {one.corpus}, windows of {one.window}"


def _error(one: Measurement) -> Error:
    if one.stderr is None:
        return Error(None, "not known: too little text for a spread")
    return Error(one.stderr, f"{one.n} {one.unit_of_n}" if one.n else "the run")


def _title(model: str) -> str:
    try:
        return models.describe(model).title
    except UserError:  # a folder that is gone
        return model
