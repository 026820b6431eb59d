"""Records of Every Eval Ever as results."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.results import Measurement, Printed, Provenance, Result
from nmviz.core.rules import as_stored
from nmviz.store.records import pack
from nmviz.store.transfer.columns import Column, value_of, values
from nmviz.store.transfer.every_eval_ever import (
    EXPERIMENT,
    OURS,
    UNBOUNDED,
    UNKNOWN_LIBRARY,
    VERSION,
)
from nmviz.store.transfer.files import parse_json, shown
from nmviz.store.transfer.incoming import Batch, admit, name_fits, number_fault
from nmviz.store.transfer.lm_eval_json import UNKNOWN, digest, source_columns

KNOWN = ("0.2.", "0.3.")
"""What the versions begin with that are read."""
MARKS = ("schema_version", "evaluation_results")
"""A document that has both is such a record."""


def _bound(value: Any, place: str) -> float:
    """One end of what a score may be: a number, or the word for none."""
    if isinstance(value, str) and value in UNBOUNDED:
        return UNBOUNDED[value]
    found: float = value_of(float, value, place)
    return found


RECORD = (
    Column("version", "schema_version", str, required=True),
    Column("id", "evaluation_id", str, required=True),
    Column("retrieved", "retrieved_timestamp", str, required=True),
    Column("measured", "evaluation_timestamp", str),
    Column("source_type", "source_metadata.source_type", str, required=True),
    Column("organisation", "source_metadata.source_organization_name", str, required=True),
    Column("about", "source_metadata.additional_details", dict),
    Column("library", "eval_library.name", str, required=True),
    Column("library_version", "eval_library.version", str, required=True),
    Column("beside", "eval_library.additional_details", dict),
    Column("model", "model_info.id", str, required=True),
    Column("experiment", f"model_info.additional_details.{EXPERIMENT}", str),
    Column("results", "evaluation_results", list, required=True),
)
NUMBER = (
    Column("evaluation", "evaluation_name", str, required=True),
    Column("dataset", "source_data.dataset_name", str, required=True),
    Column("metric", "metric_config.metric_id", str),
    Column("metric_name", "metric_config.metric_name", str),
    Column("kind", "metric_config.metric_kind", str),
    Column("unit", "metric_config.metric_unit", str),
    Column("lower", "metric_config.lower_is_better", bool, required=True),
    Column("low", "metric_config.min_score", _bound),
    Column("high", "metric_config.max_score", _bound),
    Column("score", "score_details.score", float, required=True),
    Column("stderr", "score_details.uncertainty.standard_error.value", float),
    Column("n", "score_details.uncertainty.num_samples", int),
    Column("task", "score_details.details.task", str),
    Column("unit_of_n", "score_details.details.unit_of_n", str),
    Column("printed", "score_details.details.printed", str),
    Column("no_stderr", "score_details.details.no_stderr", str),
)
UNITS = {"proportion": 1.0, "percent": 0.01}


def is_document(document: Mapping[str, Any]) -> bool:
    """Whether a document is such a record."""
    return all(mark in document for mark in MARKS)


def read(document: Mapping[str, Any], name: str) -> Batch:
    """The one result of a record. UserError, with the path, for another version, what is missing or
    of another kind, a number that cannot be, and where no metric is known here."""
    told = values(RECORD, document, name)
    if not told["version"].startswith(KNOWN):
        raise UserError(
            f"{name} at schema_version: version {shown(told['version'], 20)} is not known here, "
            f"{VERSION} is: convert it."
        )
    numbers, left_out = _numbers(told["results"], name)
    identity = f"every-eval-ever:{digest(document)}"
    experiment = _experiment(told, name)
    mask = str(experiment.pattern)
    printed = Printed(place=identity, model=told["model"], pattern=mask, method=mask)
    result = Result(
        experiment=experiment,
        measurements=tuple(numbers),
        provenance=_provenance(told, identity, printed, name),
    )
    columns = source_columns(identity, "Every Eval Ever record", name)
    return Batch([admit(pack(result), name)], columns, left_out)


def _provenance(told: Mapping[str, Any], identity: str, printed: Printed, name: str) -> Provenance:
    """What the record says of how it was made; of ours that is all that we said."""
    versions = {told["library"]: told["library_version"]}
    settings = {"evaluation": shown(told["id"], 200), "by": shown(told["organisation"], 200)}
    ours = told["experiment"] is not None
    if ours:
        versions |= told["beside"] or {}
    about = _texts(told["about"] or {}) if ours else {}
    note, _ = about.pop("nmviz_note", None), about.pop("nmviz_place", None)
    return Provenance(
        source=identity,
        started=_time(told["measured"], f"{name} at evaluation_timestamp"),
        versions=_texts({one: of for one, of in versions.items() if one != UNKNOWN_LIBRARY}),
        settings=about | settings,
        note=note,
        printed=printed,
    )


def _texts(told: Mapping[str, Any]) -> dict[str, str]:
    """Names and texts of a record on a line each."""
    return {shown(name, 200): shown(value, 500) for name, value in told.items()}


def _numbers(results: Sequence[Any], name: str) -> tuple[list[Measurement], Counter[str]]:
    found: list[Measurement] = []
    left_out: Counter[str] = Counter()
    for number, document in enumerate(results):
        within = f"evaluation_results.{number}"
        where = f"{name} at {within}"
        one = values(NUMBER, document, name, within)
        known = _metric(one)
        if known is None:
            left_out[one["metric"] or one["metric_name"] or one["kind"] or "unnamed"] += 1
            continue
        fault = _outside(one)
        if fault is None:
            found.append(_measurement(one, *known, where))
            fault = number_fault(found[-1])
        if fault is not None:
            raise UserError(f"{where}: {fault}.")
    if not found:
        there = ", ".join(shown(metric, 30) for metric in list(left_out)[:5]) or "none at all"
        raise UserError(f"{name} holds no metric that is known here (it holds {there}).")
    return found, left_out


def _outside(one: Mapping[str, Any]) -> str | None:
    """Why a score cannot be, by what the record itself says that it may be."""
    low = UNBOUNDED["-Infinity"] if one["low"] is None else one["low"]
    high = UNBOUNDED["Infinity"] if one["high"] is None else one["high"]
    if low <= one["score"] <= high:
        return None
    return f"the score {one['score']:g} is not between min_score {low:g} and max_score {high:g}"


def _measurement(one: Mapping[str, Any], metric: str, unit: float, where: str) -> Measurement:
    ours = metric.startswith(OURS)
    task = one["task"] if ours else one["evaluation"]
    if task is not None and not name_fits(task):
        raise UserError(f"{where}: that is no name of a task.")
    return Measurement(
        metric=metric.removeprefix(OURS),
        task=task,
        value=one["score"] * unit,
        stderr=None if one["stderr"] is None else one["stderr"] * unit,
        n=one["n"],
        unit_of_n=one["unit_of_n"] or ("examples" if one["n"] is not None and not ours else None),
        printed=one["printed"] if ours else None,
        no_stderr=one["no_stderr"] if ours else None,
    )


def _metric(one: Mapping[str, Any]) -> tuple[str, float] | None:
    """Our name of a metric, with `OURS` before it where the record has it so, and what one of its
    units is; None for one that is not known here."""
    told = one["metric"] or ""
    if told.startswith(OURS) and told.removeprefix(OURS) in METRICS:
        return told, 1.0
    accuracy = "accuracy" in (told, one["kind"], (one["metric_name"] or "").lower())
    unit = one["unit"] or ("percent" if one["high"] == 100 else "proportion")
    return ("acc", UNITS[unit]) if accuracy and unit in UNITS and not one["lower"] else None


def _experiment(told: Mapping[str, Any], name: str) -> Experiment:
    if told["experiment"] is None:
        if not name_fits(told["model"], 300):
            raise UserError(f"{name} at model_info.id: that is no name of a model.")
        return Experiment.build(model=told["model"], pattern="dense", **UNKNOWN, shots=None)
    where = f"{name} at model_info.additional_details.{EXPERIMENT}"
    document = parse_json(told["experiment"], where)
    try:
        return Experiment.model_validate(as_stored(document))
    except (UserError, ValueError, TypeError, AttributeError):
        raise UserError(f"{where}: it is no experiment of nmviz.") from None


def _time(told: str | None, where: str) -> str | None:
    """ISO 8601, or seconds since 1970 as text."""
    if told is None:
        return None
    try:
        if told.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(told), UTC).isoformat()
        return datetime.fromisoformat(told).astimezone(UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        raise UserError(f"{where}: it is no time.") from None
