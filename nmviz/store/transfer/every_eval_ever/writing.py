"""Results as records of Every Eval Ever."""

import io
import json
import re
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.provenance import OWN
from nmviz.core.public import is_open, on_hub
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.store.records import pack
from nmviz.store.transfer.every_eval_ever import (
    EXPERIMENT,
    OURS,
    UNBOUNDED,
    UNKNOWN_LIBRARY,
    VERSION,
)

BEGINNING = (1980, 1, 1, 0, 0, 0)
FAMILIES = {"acc": "accuracy", "acc_norm": "accuracy", "perplexity": "perplexity"}
"""Metrics that others have too, and what these are called."""
RESERVED = re.compile(r"data|(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that are no folder everywhere."""


def zipped(results: Sequence[Result]) -> tuple[bytes, int]:
    """A zip of one record a result, and how many: without those that have no number with a better
    way."""
    out, now, count = io.BytesIO(), datetime.now(UTC), 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for result in results:
            record = record_of(result, now)
            if record["evaluation_results"]:
                place = zipfile.ZipInfo(place_of(result), BEGINNING)
                text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
                archive.writestr(place, text + "\n", zipfile.ZIP_DEFLATED)
                count += 1
    return out.getvalue(), count


def place_of(result: Result) -> str:
    """Where the shared collection has a record: data, whose results these are, who made the model,
    the model, and an id that is the same for the same result."""
    maker, _, model = result.experiment.model.strip("/").rpartition("/")
    folders = (OWN, maker.partition("/")[0] or "unknown", model)
    name = uuid.UUID(hex=pack(result).digest[:32], version=4)
    return "/".join(("data", *map(_folder, folders), f"{name}.json"))


def _folder(name: str) -> str:
    """A name of others as one of a folder."""
    plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).rstrip(".") or "_"
    return f"_{plain}" if RESERVED.fullmatch(plain) else plain


def record_of(result: Result, now: datetime) -> dict[str, Any]:
    """A result as a record that was made `now`."""
    made, experiment = result.provenance, result.experiment
    own, retrieved = made.source == OWN, str(int(now.timestamp()))
    record = {
        "schema_version": VERSION,
        "evaluation_id": f"nmviz-{pack(result).digest[:12]}/{experiment.model}/{retrieved}",
        "evaluation_timestamp": made.started,
        "retrieved_timestamp": retrieved,
        "source_metadata": _source(made, own),
        "eval_library": _library(made, own),
        "model_info": _model(result, own),
        "evaluation_results": [
            _number(one, experiment, own) for one in result.measurements if _has_better(one)
        ],
    }
    return _said(record)


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what there is nothing to say of."""
    return {name: value for name, value in fields.items() if value not in (None, "", {})}


def _source(made: Provenance, own: bool) -> dict[str, Any]:
    place = made.printed.place if made.printed else None
    return {
        "source_name": made.source,
        "source_type": "evaluation_run" if own else "documentation",
        "source_organization_name": made.source,
        "evaluator_relationship": "third_party",
        "additional_details": _said(
            {**made.settings, "nmviz_note": made.note, "nmviz_place": place}
        ),
    }


def _library(made: Provenance, own: bool) -> dict[str, Any]:
    """What measured, and beside it what that ran on."""
    name = OWN if own else next(iter(made.versions), UNKNOWN_LIBRARY)
    others = {one: version for one, version in made.versions.items() if one != name}
    version = made.versions.get(name, "unknown")
    return _said({"name": name, "version": version, "additional_details": others})


def _model(result: Result, own: bool) -> dict[str, Any]:
    """The model, dense: how it was pruned is part of the experiment."""
    model = result.experiment.model
    return {
        "name": model,
        "id": model,
        "additional_details": {
            "deployment_type": "self_deployed" if own else "unknown",
            "model_availability": "open_weights" if is_open(model) else "unknown",
            EXPERIMENT: result.experiment.canonical_json(),
            "nmviz_key": result.key,
        },
    }


def _has_better(one: Measurement) -> bool:
    return one.metric in METRICS and bool(METRICS.get(one.metric).better)


def _number(one: Measurement, experiment: Experiment, own: bool) -> dict[str, Any]:
    metric = METRICS.get(one.metric)
    details = one.model_dump(include={"task", "unit_of_n", "printed", "no_stderr"})
    error = None if one.stderr is None else {"value": one.stderr}
    # What is measured in fp32 may end a hair outside of what it can be.
    low, high = min(metric.low, one.value), max(metric.high, one.value)
    return {
        "evaluation_name": _dataset(one, experiment),
        "source_data": _data(one, experiment, own),
        "metric_config": _said(
            {
                "evaluation_description": metric.formula,
                "metric_id": f"{OURS}{one.metric}",
                "metric_name": metric.title,
                "metric_kind": FAMILIES.get(one.metric),
                "metric_unit": "proportion" if metric.unit == "share" else metric.unit,
                "lower_is_better": metric.better == "lower",
                "score_type": "continuous",
                "min_score": _end(low),
                "max_score": _end(high),
            }
        ),
        "score_details": _said(
            {
                "score": one.value,
                "details": _said(details),
                "uncertainty": _said({"standard_error": error, "num_samples": one.n}),
            }
        ),
    }


def _dataset(one: Measurement, experiment: Experiment) -> str:
    return one.task or experiment.corpus or "not known"


def _data(one: Measurement, experiment: Experiment, own: bool) -> dict[str, Any]:
    """What was read: of the hub where a run of ours did that, else only its name."""
    name = _dataset(one, experiment)
    where = on_hub(name) if own else None
    if where is None:
        return {"dataset_name": name, "source_type": "other"}
    repository, split = where
    return {
        "dataset_name": name,
        "source_type": "hf_dataset",
        "hf_repo": repository,
        "hf_split": split,
    }


def _end(value: float) -> float | str:
    """One end of what a number may be."""
    if isfinite(value):
        return value
    return next(name for name, end in UNBOUNDED.items() if end == value)
