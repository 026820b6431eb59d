"""Records of Every Eval Ever (evaleval/every_eval_ever), the shared form of evaluation results: in,
and out again.

A record is one evaluation of one model. Ours keep the whole experiment beside the model, so that
what is read back is the same experiment; of others it is the dense model that they name, asked in a
way that is not known. Accuracies of others are kept, and any metric that is named as ours is.

Known is version 0.2 of the schema. Every metric of a record says whether lower is better, so what
has no better way (shares of ties, spreads) is not written.
"""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.provenance import OWN
from nmviz.core.results import Measurement, Printed, Provenance, Result
from nmviz.core.rules import as_stored
from nmviz.store.records import pack
from nmviz.store.transfer.columns import Column, values
from nmviz.store.transfer.files import parse_json, shown
from nmviz.store.transfer.incoming import Batch, admit, name_fits, number_fault
from nmviz.store.transfer.lm_eval_json import UNKNOWN, digest, source_columns

VERSION, KNOWN = "0.2.2", "0.2."
MARKS = ("schema_version", "evaluation_results")
"""A document that has both is such a record."""
OURS, EXPERIMENT = "nmviz.", "nmviz_experiment"
"""What our metrics begin with, and the detail of the model that has the experiment."""
RECORD = (
    Column("version", "schema_version", str, required=True),
    Column("id", "evaluation_id", str, required=True),
    Column("retrieved", "retrieved_timestamp", str, required=True),
    Column("measured", "evaluation_timestamp", str),
    Column("source_type", "source_metadata.source_type", str, required=True),
    Column("organisation", "source_metadata.source_organization_name", str, required=True),
    Column("library", "eval_library.name", str, required=True),
    Column("library_version", "eval_library.version", str, required=True),
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
    Column("score", "score_details.score", float, required=True),
    Column("stderr", "score_details.uncertainty.standard_error.value", float),
    Column("n", "score_details.uncertainty.num_samples", int),
    Column("task", "score_details.details.task", str),
    Column("unit_of_n", "score_details.details.unit_of_n", str),
)
UNITS = {None: 1.0, "": 1.0, "proportion": 1.0, "percent": 0.01}
BEGINNING = (1980, 1, 1, 0, 0, 0)


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
        provenance=Provenance(
            source=identity,
            started=_time(told["measured"], f"{name} at evaluation_timestamp"),
            versions={shown(told["library"]): shown(told["library_version"])},
            settings={"evaluation": shown(told["id"], 200), "by": shown(told["organisation"], 200)},
            printed=printed,
        ),
    )
    columns = source_columns(identity, "Every Eval Ever record", name)
    return Batch([admit(pack(result), name)], columns, left_out)


def zipped(results: Sequence[Result]) -> bytes:
    """A zip of one record a result; without those that have no metric with a better way."""
    out, now = io.BytesIO(), datetime.now(UTC)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for result in results:
            record = record_of(result, now)
            if record["evaluation_results"]:
                place = zipfile.ZipInfo(f"{_file_name(result)}.json", BEGINNING)
                text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
                archive.writestr(place, text + "\n", zipfile.ZIP_DEFLATED)
    return out.getvalue()


def record_of(result: Result, now: datetime) -> dict[str, Any]:
    """A result as a record that was made `now`."""
    made, experiment = result.provenance, result.experiment
    own = made.source == OWN
    retrieved = str(int(now.timestamp()))
    record = {
        "schema_version": VERSION,
        "evaluation_id": f"nmviz/{experiment.model}/{result.key[:12]}",
        "evaluation_timestamp": made.started,
        "retrieved_timestamp": retrieved,
        "source_metadata": {
            "source_name": "nmviz" if own else made.source,
            "source_type": "evaluation_run" if own else "documentation",
            "source_organization_name": "nmviz" if own else made.source,
            "evaluator_relationship": "third_party",
        },
        "eval_library": {"name": "nmviz", "version": made.versions.get("nmviz", "unknown")},
        "model_info": {
            "name": experiment.model,
            "id": experiment.model,
            "additional_details": {
                EXPERIMENT: experiment.canonical_json(),
                "nmviz_key": result.key,
            },
        },
        "evaluation_results": [
            _number_of(one, experiment) for one in result.measurements if _has_better(one)
        ],
    }
    return {name: value for name, value in record.items() if value is not None}


def _has_better(one: Measurement) -> bool:
    return one.metric in METRICS and bool(METRICS.get(one.metric).better)


def _number_of(one: Measurement, experiment: Experiment) -> dict[str, Any]:
    metric = METRICS.get(one.metric)
    dataset = one.task or experiment.corpus or "not known"
    details = {"task": one.task, "unit_of_n": one.unit_of_n}
    uncertainty: dict[str, Any] = {}
    if one.stderr is not None:
        uncertainty["standard_error"] = {"value": one.stderr}
    if one.n is not None:
        uncertainty["num_samples"] = one.n
    return {
        "evaluation_name": dataset,
        "source_data": {"dataset_name": dataset, "source_type": "other"},
        "metric_config": {
            "evaluation_description": metric.formula,
            "metric_id": f"{OURS}{one.metric}",
            "metric_name": metric.title,
            "metric_unit": "proportion" if metric.unit == "share" else metric.unit,
            "lower_is_better": metric.better == "lower",
        },
        "score_details": {
            "score": one.value,
            "details": {name: value for name, value in details.items() if value is not None},
            "uncertainty": uncertainty,
        },
    }


def _file_name(result: Result) -> str:
    folder = "".join(c if c.isalnum() or c in "-_." else "-" for c in result.experiment.model)
    return f"data/nmviz/{folder}/{result.key[:12]}-{digest({'of': result.provenance.source})}"


def _numbers(results: Sequence[Any], name: str) -> tuple[list[Measurement], Counter[str]]:
    found: list[Measurement] = []
    left_out: Counter[str] = Counter()
    for where, one in _each(results, name):
        known = _metric(one)
        if known is None:
            left_out[one["metric"] or one["metric_name"] or one["kind"] or "unnamed"] += 1
            continue
        metric, unit = known
        task = one["task"] if metric.startswith(OURS) else one["evaluation"]
        if task is not None and not name_fits(task):
            raise UserError(f"{where}: that is no name of a task.")
        number = Measurement(
            metric=metric.removeprefix(OURS),
            task=task,
            value=one["score"] * unit,
            stderr=None if one["stderr"] is None else one["stderr"] * unit,
            n=one["n"],
            unit_of_n=one["unit_of_n"] or ("examples" if one["n"] is not None else None),
        )
        fault = number_fault(number)
        if fault is not None:
            raise UserError(f"{where}: {fault}.")
        found.append(number)
    if not found:
        there = ", ".join(shown(metric, 30) for metric in list(left_out)[:5]) or "none at all"
        raise UserError(f"{name} holds no metric that is known here (it holds {there}).")
    return found, left_out


def _each(results: Sequence[Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, one in enumerate(results):
        where = f"{name} at evaluation_results.{place}"
        yield where, values(NUMBER, one, where)


def _metric(one: Mapping[str, Any]) -> tuple[str, float] | None:
    """Our name of a metric, with `OURS` before it where the record has it so, and what one of its
    units is; None for one that is not known here."""
    told = one["metric"] or ""
    if told.startswith(OURS) and told.removeprefix(OURS) in METRICS:
        return told, 1.0
    accuracy = "accuracy" in (told, one["kind"], (one["metric_name"] or "").lower())
    if accuracy and one["unit"] in UNITS and not one["lower"]:
        return "acc", UNITS[one["unit"]]
    return None


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
