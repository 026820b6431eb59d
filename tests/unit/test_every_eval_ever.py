"""Records of Every Eval Ever: what we write has its form, and is read back as it was."""

import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nmviz.base.errors import UserError
from nmviz.core.metrics import METRICS
from nmviz.core.results import Result
from nmviz.store import open_store
from nmviz.store.database import results_folder
from nmviz.store.transfer import every_eval_ever
from nmviz.store.transfer.exporting import export_file
from nmviz.store.transfer.importing import import_file, read
from nmviz.store.transfer.jsonl import read_jsonl

NOW = datetime(2026, 11, 30, tzinfo=UTC)
REQUIRED = {
    *("schema_version", "evaluation_id", "retrieved_timestamp", "source_metadata"),
    *("model_info", "eval_library", "evaluation_results"),
}


def shipped(name: str, **fields: Any) -> Result:
    folder = results_folder()
    assert folder is not None
    runs = read_jsonl(Path(folder) / "runs" / f"{name}.jsonl")
    return next(
        one for one in runs if all(getattr(one.experiment, k) == v for k, v in fields.items())
    )


def other_record() -> dict[str, Any]:
    """What another program writes, made up."""
    return {
        "schema_version": "0.2.2",
        "evaluation_id": "arc_easy/example_small-1b/1780000000",
        "evaluation_timestamp": "1780000000",
        "retrieved_timestamp": "1780000001",
        "source_metadata": {
            "source_type": "evaluation_run",
            "source_organization_name": "example",
            "evaluator_relationship": "third_party",
        },
        "eval_library": {"name": "lm_eval", "version": "0.4.12"},
        "model_info": {"name": "Small 1B", "id": "example/small-1b"},
        "evaluation_results": [
            {
                "evaluation_name": "arc_easy",
                "source_data": {"dataset_name": "arc", "source_type": "hf_dataset"},
                "metric_config": {
                    "metric_id": "accuracy",
                    "metric_unit": "percent",
                    "lower_is_better": False,
                },
                "score_details": {
                    "score": 55.5,
                    "uncertainty": {"standard_error": {"value": 1.5}, "num_samples": 2376},
                },
            },
            {
                "evaluation_name": "chat",
                "source_data": {"dataset_name": "chat", "source_type": "other"},
                "metric_config": {"metric_id": "lmarena.elo", "lower_is_better": False},
                "score_details": {"score": 1200},
            },
        ],
    }


def check(record: Mapping[str, Any]) -> None:
    """What the schema asks of a record, as far as we write it."""
    assert set(record) - {"evaluation_timestamp"} == REQUIRED
    about = record["source_metadata"]
    assert about["source_type"] in ("documentation", "evaluation_run")
    assert isinstance(about["source_organization_name"], str)
    assert about["evaluator_relationship"] in (
        "first_party",
        "third_party",
        "collaborative",
        "other",
    )
    assert all(isinstance(record["eval_library"][name], str) for name in ("name", "version"))
    model = record["model_info"]
    assert {"name", "id"} <= set(model)
    assert all(isinstance(value, str) for value in model["additional_details"].values())
    for one in record["evaluation_results"]:
        assert {"evaluation_name", "source_data", "metric_config", "score_details"} <= set(one)
        assert one["source_data"]["source_type"] == "other" and one["source_data"]["dataset_name"]
        assert isinstance(one["metric_config"]["lower_is_better"], bool)
        assert "score_type" not in one["metric_config"], "a continuous one has to have both ends"
        told = one["score_details"]
        assert isinstance(told["score"], float | int)
        assert all(isinstance(value, str) for value in told["details"].values())
        assert isinstance(told["uncertainty"].get("num_samples", 0), int)


@pytest.mark.parametrize(
    "result",
    [
        shipped("smollm2-135m", pattern="8:16", target="activation"),
        shipped("smollm2-135m", pattern="2:4", target="weight", criterion="sparsegpt"),
        shipped("tasks", target="activation"),
    ],
    ids=["activations", "weights", "tasks"],
)
def test_what_is_written_is_read_back(result: Result, tmp_path: Path) -> None:
    record = every_eval_ever.record_of(result, NOW)
    check(record)
    file = tmp_path / "record.json"
    file.write_text(json.dumps(record))
    (one,) = read(file).results
    again = one.packed.result
    assert again.key == result.key
    fields = ("metric", "task", "value", "stderr", "n", "unit_of_n")
    wanted = [one for one in result.measurements if METRICS.get(one.metric).better]
    assert wanted and [tuple(getattr(one, name) for name in fields) for one in wanted] == [
        tuple(getattr(one, name) for name in fields) for one in again.measurements
    ]


def test_a_record_of_another_program(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    file.write_text(json.dumps(other_record()))
    batch = read(file)
    (one,) = batch.results
    result = one.packed.result
    (number,) = result.measurements
    assert (number.metric, number.task, number.n) == ("acc", "arc_easy", 2376)
    assert (number.value, number.stderr) == (pytest.approx(0.555), pytest.approx(0.015))
    assert batch.left_out == {"lmarena.elo": 1}
    assert result.experiment.model == "example/small-1b" and result.experiment.is_dense
    assert str(result.provenance.started).startswith("2026-")
    assert result.provenance.versions == {"lm_eval": "0.4.12"}


def broken(path: str, value: Any) -> dict[str, Any]:
    """The record with another value there; None takes it away."""
    record = other_record()
    *names, last = path.split(".")
    part: Any = record
    for name in names:
        part = part[int(name) if name.isdigit() else name]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return record


FIRST = "evaluation_results.0"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("schema_version", "0.3.0", "schema_version: version 0.3.0 is not known here, 0.2.2 is"),
        ("schema_version", 2, "at schema_version: 2 is no text"),
        ("model_info.id", None, "at model_info.id: it is missing"),
        ("model_info.id", " ", "at model_info.id: that is no name of a model"),
        ("evaluation_timestamp", "soon", "at evaluation_timestamp: it is no time"),
        ("evaluation_results", {}, "at evaluation_results: {} is no list"),
        ("evaluation_results", [], "holds no metric that is known here"),
        (f"{FIRST}.score_details.score", None, "0 at score_details.score: it is missing"),
        (f"{FIRST}.score_details.score", "high", "0 at score_details.score: high is no number"),
        (f"{FIRST}.score_details.score", True, "0 at score_details.score: True is no number"),
        (f"{FIRST}.score_details.score", 155.5, "results.0: acc of arc_easy is 1.555"),
        (f"{FIRST}.score_details.uncertainty.num_samples", -1, "num_samples: -1 is no count"),
        (f"{FIRST}.metric_config.lower_is_better", "no", "lower_is_better: no is no true or false"),
        (f"{FIRST}.evaluation_name", "a\nb", "results.0: that is no name of a task"),
        (
            "model_info.additional_details",
            {"nmviz_experiment": '{"pattern": "9:4"}'},
            "nmviz_experiment: it is no experiment of nmviz",
        ),
        (
            "model_info.additional_details",
            {"nmviz_experiment": "[["},
            "nmviz_experiment is no JSON",
        ),
    ],
)
def test_a_broken_record_is_refused_whole(tmp_path: Path, path: str, value: Any, said: str) -> None:
    file = tmp_path / "record.json"
    file.write_text(json.dumps(broken(path, value)))
    with open_store(tmp_path / "store.sqlite") as store:
        with pytest.raises(UserError) as refused:
            import_file(store, file)
        assert said in str(refused.value) and "\n" not in str(refused.value)
        assert store.find() == []


def test_a_store_goes_out_as_records_and_comes_in_again(tmp_path: Path) -> None:
    results = [
        shipped("smollm2-135m", pattern="8:16", target="activation"),
        shipped("tasks", target="weight"),
    ]
    from nmviz.store.transfer.jsonl import write_jsonl

    write_jsonl(results, tmp_path / "own.jsonl")
    with open_store(tmp_path / "one.sqlite") as store:
        import_file(store, tmp_path / "own.jsonl")
        assert "2 results written to all.zip" in export_file(store, tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "all")
    assert len(names) == len(set(names)) == 2
    with open_store(tmp_path / "other.sqlite") as store:
        for name in names:
            check(json.loads((tmp_path / "all" / name).read_text()))
            assert import_file(store, tmp_path / "all" / name).added == 1
        assert {one.key for one in store.find()} == {one.key for one in results}
