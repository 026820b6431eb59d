"""What comes in is what the file says and no more; a broken file changes nothing."""

import copy
import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from foreign import lm_eval_document, log_document

from nmviz import published
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import (
    BlockDrift,
    Censored,
    Measurement,
    Printed,
    Provenance,
    Result,
    SiteError,
    TaskExamples,
)
from nmviz.store import Store, open_store, seed
from nmviz.store.database import published_folder
from nmviz.store.records import pack
from nmviz.store.transfer import csv_file, files
from nmviz.store.transfer.exporting import export_file
from nmviz.store.transfer.importing import Format, import_file
from nmviz.store.transfer.jsonl import write_jsonl

FOLDER = published_folder()
FLIP = {"window": 0, "token": 1, "right": 5, "dense": 5, "pruned": 9, "kl": 0.5}
FLIP |= {"dense_before": 0.5, "dense_after": 0.25, "pruned_before": 0.25, "pruned_after": 0.5}
FLIPS = {"n": 40, "total": 3, "right_to_wrong": 1, "wrong_to_right": 0}


def make(value: float = 19.0, source: str = "nmviz", **experiment: Any) -> Result:
    return Result(
        experiment=Experiment(**experiment),
        measurements=(Measurement(metric="perplexity", value=value, stderr=0.1, n=4),),
        sites=(SiteError(name="m.0.q", block=0, projection="q", rel_error=0.1, kept=0.5),),
        drift=(BlockDrift(block=0, drift=0.25),),
        provenance=Provenance(source=source, started="2026-05-01T00:00:00+00:00"),
    )


def fields(**changes: Any) -> dict[str, Any]:
    """A line of an export as an object, with parts of its first measurement changed."""
    line = json.loads(pack(make()).text)
    line["measurements"][0] |= changes
    return line


@pytest.fixture
def store(address: str):
    with open_store(address) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "results.json"


def rows_of(store: Store) -> list[int]:
    tables = ("source", "experiment", "result", "measurement", "artefact")
    with store.reading() as connection:
        counts = (sqlalchemy.text(f"SELECT count(*) FROM {table}") for table in tables)
        return [connection.scalar(count) or 0 for count in counts]


def take_in(store: Store, file: Path, content: Any, form: Format = Format.AUTO) -> str:
    file.write_text(content if isinstance(content, str) else json.dumps(content), newline="")
    return str(import_file(store, file, form))


def refused(store: Store, file: Path, content: Any, form: Format = Format.AUTO) -> str:
    """The one sentence, once it is sure that nothing changed."""
    before = rows_of(store)
    with pytest.raises(UserError) as error:
        take_in(store, file, content, form)
    assert rows_of(store) == before
    sentence = str(error.value)
    assert sentence.isprintable() and sentence.endswith(".")
    return sentence


def test_examples_of_tasks_come_back_as_they_were(store: Store, file: Path) -> None:
    right = TaskExamples(task="piqa", metric="acc", right="0110", digest="d" * 64)
    ran = make(tasks=("piqa",), limit=4).model_copy(update={"examples": (right,)})
    assert take_in(store, file, pack(ran).text) == "1 result read: 1 added, 0 were there already."
    assert store.get(ran.key) == ran
    assert seed.verify(store, file.parent / "none") == []


def test_examples_that_are_none_are_refused(store: Store, file: Path) -> None:
    right = {"task": "piqa", "metric": "acc", "right": "01x0", "digest": "d" * 64}
    assert "examples.0.right" in refused(store, file, json.dumps({**fields(), "examples": [right]}))


def test_an_export_comes_in_as_own_runs_and_once(store: Store, file: Path) -> None:
    results = [make(value, seed=seed) for value, seed in ((1.0, 1), (2.0, 2), (3.0, 2))]
    text = "".join(pack(result).text + "\n" for result in results)
    assert take_in(store, file, text) == "3 results read: 3 added, 0 were there already."
    assert store.find(own=True) == results
    assert take_in(store, file, text) == "3 results read: 0 added, 3 were there already."
    one = pack(make(4.0)).text
    assert take_in(store, file, one) == "1 result read: 1 added, 0 were there already."
    assert store.get(make().key) == make(4.0)


def test_line_ends_a_mark_of_utf8_and_doubled_lines_do_not_matter(store: Store, file: Path) -> None:
    line = pack(make()).text
    text = f"\ufeff\r\n{line}\r\n\r\n{line}\r\n"
    assert take_in(store, file, text) == "2 results read: 1 added, 1 was there already."


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 2 is no JSON"),
        ("[]", "line 2 is no result"),
        (json.dumps(fields(value=float("nan"))), "line 2 at measurements.0.value: it is not a fin"),
        (json.dumps(fields(value=float("-inf"))), "measurements.0.value: it is not a finite"),
        (json.dumps(fields()).replace("19.0", "1e999"), "measurements.0.value: it is not a finite"),
        (json.dumps(fields()).replace("19.0", "9" * 5000), "line 2 holds a number that is too"),
        (json.dumps(fields(n=2**63)), "line 2 at measurements.0.n: the number is too large"),
        (json.dumps(fields(n=-1)), "line 2 is refused: the count of perplexity is out of range"),
        (json.dumps(fields(value="19")), "line 2 at measurements.0.value: it is no number"),
        (json.dumps(fields(value=True)), "line 2 at measurements.0.value: it is no number"),
        (json.dumps(fields(value=[])), "measurements.0.value: Input should be a valid number"),
        (json.dumps(fields(value=-1.0)), "a perplexity is above 0"),
        (json.dumps(fields(metric="acc", value=1.5)), "a share lies between 0 and 1"),
        (json.dumps(fields(stderr=-0.1)), "the standard error of perplexity is -0.1"),
        (json.dumps(fields(metric="made_up")), "the metric 'made_up' is not known here"),
        (json.dumps(fields(task="a\nb")), "a task has no name that can be kept"),
        (json.dumps(fields(task="a\0b")), "the text holds a zero character"),
        (json.dumps(fields(task="\ud800")), "the text holds a zero character or half of one"),
        (json.dumps(fields(colour="red")), "measurements.0.colour is not known here, so that a"),
        (json.dumps({**fields(), "version": 9}), "line 2 is no result: version is not known here"),
        (json.dumps(fields()) + json.dumps(fields()), "line 2 is no JSON: extra data"),
        (json.dumps(fields())[:-1] + ', "sites": []}', "the name 'sites' stands there twice"),
        (
            json.dumps(fields()).replace('"pattern"', '"projections": 0, "pattern"'),
            "line 2 is no result: experiment.projections: Projections are a list of names",
        ),
        ("[" * 100_000, "line 2 is nested too deeply"),
        (json.dumps({**fields(), "unit_costs": [0.5]}), "the costs of other pieces of text than"),
        (json.dumps({**fields(), "unit_costs": ["a"]}), "unit_costs.0: Input should be"),
        (
            json.dumps({**fields(), "by_confidence": [{"from": 0, "to": 0.25, "n": -1}]}),
            "by_confidence.0.n: Input should be",
        ),
        (
            json.dumps({**fields(), "flips": {**FLIPS, "total": 41}}),
            "flips: more words changed than there are tokens",
        ),
        (
            json.dumps({**fields(), "flips": {**FLIPS, "rows": [FLIP | {"pruned": 5}]}}),
            "flips: a word that did not change is among those that did",
        ),
        (
            json.dumps({**fields(), "flips": {**FLIPS, "rows": [FLIP] * 101}}),
            "flips.rows: Tuple should have at most 100 items",
        ),
        (json.dumps({**fields(), "provenance": {}}), "line 2 is no result: provenance.source: "),
        (json.dumps({**fields(), "partial": True}), "a partial result is shown, never stored"),
        (json.dumps({**fields(), "provenance": {"source": " "}}), "its source has no name"),
    ],
)
def test_a_bad_line_refuses_the_whole_export(
    store: Store, file: Path, line: str, says: str
) -> None:
    text = f"{pack(make(1.0)).text}\n{line}\n{pack(make(2.0)).text}\n"
    assert says in refused(store, file, text)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no results"),
        (b" \n\n", "holds no results"),
        (b"{}", "no known format"),
        (b"[1, 2]", "it is JSON, but no object"),
        (b"SQLite format 3\0", "is no JSON"),
        (b'{\n "results": {\n "a": }\n}', "results.json, line 3 is no JSON"),
        (b'{"results": ' * 3000, "too deeply"),
        (b'\n\n{"results": "\xff"}', "results.json, line 3: it is not UTF-8"),
        (pack(make()).text.encode()[:-40], "line 1 is no JSON"),
    ],
)
def test_what_is_no_file_of_results_is_refused(
    store: Store, file: Path, content: bytes, says: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(UserError) as error:
        import_file(store, file)
    assert says in str(error.value) and str(error.value).isprintable()
    assert rows_of(store) == [0] * 5


def test_folders_missing_and_large_files_are_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="is no file"):
        import_file(store, tmp_path)
    with pytest.raises(UserError, match=r"gone\.json cannot be read: No such file"):
        import_file(store, tmp_path / "gone.json")
    with pytest.raises(UserError, match="cannot be read"):
        import_file(store, tmp_path / ("x" * 300))
    large = tmp_path / "large.jsonl"
    with large.open("wb") as written:
        written.truncate(files.LARGEST + 1)
    with pytest.raises(UserError, match="larger than 100 MiB"):
        import_file(store, large)


def test_a_published_source_takes_nothing_from_a_file(
    shipped: Path, tmp_path: Path, file: Path
) -> None:
    source = "authors-logs"
    with open_store(shutil.copy(shipped, tmp_path / "shipped.sqlite")) as store:
        there = store.find(source=source)
        text = "".join(pack(result).text + "\n" for result in there)
        assert take_in(store, file, text) == "22 results read: 0 added, 22 were there already."
        assert store.find(source=source, own=True) == []
        changed = make(source=source)
        says = refused(store, file, f"{text}{pack(changed).text}\n")
    assert says == (
        "results.json, line 23 claims the published source authors-logs, which has no such result."
    )


def test_lm_eval_gives_what_the_file_says(store: Store, file: Path) -> None:
    said = take_in(store, file, lm_eval_document())
    assert said == (
        "1 result read: 1 added, 0 were there already. Left out, not measured here: "
        "bits_per_byte (1), byte_perplexity (1), inst_level_strict_acc (1), perplexity (1), "
        "word_perplexity (1)."
    )
    (result,) = store.find(own=True)
    experiment, made = result.experiment, result.provenance
    assert (experiment.model, experiment.pattern) == ("example/small-1b", "dense")
    assert set(experiment.unknown) == {"corpus", "tokens", "window", "bos", "seed"}
    assert result.measurements == (
        Measurement(
            metric="acc",
            task="arc_easy",
            value=0.5547138047138047,
            stderr=0.010198171137873857,
            n=2376,
            unit_of_n="examples",
        ),
        Measurement(metric="acc_norm", task="arc_easy", value=0.49, n=2376, unit_of_n="examples"),
        Measurement(metric="prompt_strict", task="ifeval", value=0.25, stderr=0.02),
        Measurement(
            metric="acc",
            task="lambada_openai",
            value=0.5,
            stderr=0.007,
            n=100,
            unit_of_n="examples",
        ),
    )
    assert made.started == "2024-06-10T06:13:20.500000+00:00"
    assert made.versions == {"lm_eval": "0.4.9", "transformers": "4.51.3"}
    assert (made.commit, made.device) == ("abc1234", "cuda:0")
    assert made.settings == {
        "batch_size": "8",
        "random_seed": "0",
        "dtype": "torch.float16",
        "model_args": "dtype=float16,pretrained=example/small-1b",
        "num_fewshot": "0",
        "task_versions": "arc_easy=1.0,wikitext=2.0",
        "apply_chat_template": "False",
    }
    (source,) = store.sources()
    assert source.id == made.source and source.title == "lm-eval result results.json"
    assert source.extraction is not None and "imported" in source.extraction


def test_the_same_lm_eval_result_under_another_name_adds_nothing(
    store: Store, file: Path, tmp_path: Path
) -> None:
    take_in(store, file, lm_eval_document())
    before = rows_of(store)
    other = tmp_path / "copy.json"
    other.write_text(json.dumps(lm_eval_document(), indent=2, sort_keys=True))
    assert import_file(store, other).added == 0
    assert rows_of(store) == before


def test_arguments_as_an_object_and_adapters_name_another_model(store: Store, file: Path) -> None:
    document = lm_eval_document()
    document["config"]["model_args"] = {"pretrained": "example/small-1b", "peft": "me/tuned"}
    take_in(store, file, document)
    assert store.find()[0].experiment.model == "example/small-1b (peft=me/tuned)"


def with_value(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    *sections, last = path.split("/")
    part = changed
    for section in sections:
        part = part[section]
    part[last] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("results", [], "at results: [] is no object"),
        ("results", {}, "holds no metric that is known here (it holds none at all)"),
        ("results", {"w": {"word_perplexity,none": 3.0}}, "(it holds word_perplexity)"),
        ("results/arc_easy", 0.5, "at results.arc_easy: 0.5 is no object"),
        ("results/arc_easy/acc,none", "0.5", "at results.arc_easy.acc,none: 0.5 is no number"),
        ("results/arc_easy/acc,none", None, "at results.arc_easy.acc,none: it is missing"),
        ("results/arc_easy/acc,none", True, "at results.arc_easy.acc,none: True is no number"),
        ("results/arc_easy/acc,none", float("nan"), "acc,none: it is not a finite number"),
        ("results/arc_easy/acc,none", 55.4, "acc of arc_easy is 55.4, and a share lies"),
        ("results/arc_easy/acc", 0.5, "at results.arc_easy: acc stands there twice"),
        ("results/arc_easy/acc_stderr,none", "some", "acc_stderr,none: some is no number"),
        ("results/arc_easy/acc_stderr,none", -1, "the standard error of acc of arc_easy is -1"),
        ("results/\x1b[31m", {"acc,none": 0.5}, "that is no name of a task"),
        ("n-samples", [], "at n-samples: [] is no object"),
        ("n-samples/arc_easy", 3, "at n-samples.arc_easy: 3 is no object"),
        ("n-samples/arc_easy", {"effective": -3}, "n-samples.arc_easy.effective: -3 is no count"),
        ("date", "yesterday", "at date: yesterday is no number"),
        ("lm_eval_version", "0.5.0", "at lm_eval_version: version 0.5.0 is not known here, 0.4 is"),
        ("lm_eval_version", 4, "at lm_eval_version: version 4 is not known here"),
        ("date", 1e30, "at date: it is no time"),
        ("config/model_args", "pretrained=a\nb", "does not say which model"),
        ("config/model_args", f"pretrained={'x' * 400}", "does not say which model"),
    ],
)
def test_a_broken_lm_eval_file_is_refused_with_its_path(
    store: Store, file: Path, path: str, value: Any, says: str
) -> None:
    assert says in refused(store, file, with_value(lm_eval_document(), path, value))


def test_an_lm_eval_file_without_results_is_refused(store: Store, file: Path) -> None:
    document = lm_eval_document()
    del document["results"]
    said = refused(store, file, document, Format.LM_EVAL)
    assert said == "results.json at results: it is missing."


def test_an_lm_eval_file_that_names_no_model_is_refused(store: Store, file: Path) -> None:
    document = lm_eval_document()
    del document["config"], document["model_name"]
    assert "does not say which model" in refused(store, file, document)


def test_a_log_gives_the_experiment_that_ships(store: Store, file: Path) -> None:
    assert take_in(store, file, log_document()) == "1 result read: 1 added, 0 were there already."
    (result,) = store.find(own=True)
    assert FOLDER is not None
    names = published.read_names(FOLDER)
    shipped = {
        one.provenance.printed.place: one.experiment
        for one in published.read_results(FOLDER, names)
        if one.provenance.source == "authors-logs" and one.provenance.printed
    }
    same = shipped["065ef05e-cd74-41ba-b173-03d322257f0f"]
    assert result.experiment == same.but(corpus="wikitext-2", window=2048)
    assert names.of_result(result) == "VAR"
    assert [(m.metric, m.task, m.value, m.n) for m in result.measurements] == [
        ("perplexity", None, 8.125, None),
        ("acc", "arc_easy", 0.6679, None),
    ]
    assert result.provenance.printed == Printed(
        place=result.provenance.source,
        model="Llama-2-7b-hf",
        pattern="2:4",
        method="semi-structured_act_magnitude / variance",
        scope="q,k,v,o,gate,up,down",
    )
    assert result.provenance.settings["batch_size"] == "512"


def of_row(row: dict[str, str]) -> dict[str, Any]:
    """The log that a row of authors-logs.csv was read from, as far as it is known."""
    document = log_document()
    config = document["config"]
    config["model"] = {"path": f"/models/{row['model']}", "seqlen": int(row["seqlen"])}
    kind, _, steps = row["method"].partition(" / ")
    step, _, added = steps.partition("+additional=")
    pruning = config["pruning"] | {"sparsity_type": kind, "transformation_type": step}
    pruning |= {"additional_transformation": added or "none"}
    pruning |= {"target_modules": [f"{name}_proj" for name in row["scope"].split(",")]}
    if row["pattern"].startswith("unstructured"):
        pruning["sparsity_ratio"] = float(row["pattern"].removeprefix("unstructured-"))
    else:
        pruning |= dict(
            zip(("prune_n", "prune_m"), map(int, row["pattern"].split(":")), strict=True)
        )
    tasks: dict[str, Any] = {}
    for column, text in row.items():
        metric, _, rest = column.partition("[")
        if metric in ("acc", "acc_norm") and text:
            task, _, error = rest.partition("]")
            tasks.setdefault(task, {})[f"{metric}{'_stderr' * bool(error)},none"] = float(text)
    ppl = float(row["perplexity"]) if row["perplexity"] else None
    return {"config": config | {"pruning": pruning}, "lm_eval": tasks, "wikitext ppl": ppl}


def test_every_log_that_ships_comes_in_as_it_ships(store: Store, file: Path) -> None:
    assert FOLDER is not None
    with (FOLDER / "authors-logs.csv").open(newline="", encoding="utf-8") as table:
        rows = {row["place"]: row for row in csv.DictReader(table)}
    for result in published.read_results(FOLDER, published.read_names(FOLDER)):
        if (name := result.provenance.printed) is None or name.place not in rows:
            continue
        take_in(store, file, of_row(rows[name.place]))
        mine = store.find(own=True)[-1]
        assert mine.experiment == result.experiment
        assert values_of(mine) == values_of(result)
        assert result.provenance.settings.items() <= mine.provenance.settings.items()
    assert len(store.find(own=True)) == len(rows) == 22


def values_of(result: Result) -> set[tuple[Any, ...]]:
    return {(one.metric, one.task, one.value, one.stderr) for one in result.measurements}


def test_a_log_of_the_chat_model_comes_in(store: Store, file: Path) -> None:
    document = with_value(log_document(), "config/model/path", "/models/Llama-2-7b-chat-hf")
    take_in(store, file, document)
    (result,) = store.find(own=True)
    assert result.experiment.model == "llama2-7b"
    assert result.provenance.printed and result.provenance.printed.model == "Llama-2-7b-chat-hf"


def test_the_batch_is_that_of_what_was_measured(store: Store, file: Path) -> None:
    take_in(store, file, log_document())
    take_in(store, file, with_value(log_document(), "lm_eval", {}))
    both, perplexity = (result.provenance.settings for result in store.find(own=True))
    assert both == {"num_fewshot": "0", "apply_chat_template": "False", "batch_size": "512"}
    assert perplexity == {"batch_size": "64"}


def test_a_log_may_lie_flat(store: Store, file: Path) -> None:
    nested = log_document()
    flat = {**nested["config"]["pruning"], "seqlen": 2048, "ppl": {"wikitext2": 8.125}}
    flat |= {"path_to_model": "meta-llama/Llama-2-7b-hf", "results": nested["lm_eval"]}
    flat["target_modules"] = "q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj"
    take_in(store, file, nested)
    take_in(store, file, flat)
    one, other = store.find()
    assert (one.experiment, one.measurements) == (other.experiment, other.measurements)


def test_other_logs_of_the_kinds_that_ship(store: Store, file: Path) -> None:
    clact = with_value(log_document(), "config/pruning/sparsity_type", "semi_structural_L_pruner")
    clact = with_value(clact, "config/pruning/transformation_type", "shift")
    clact = with_value(clact, "config/pruning/additional_transformation", "var")
    clact = with_value(clact, "wikitext ppl", None)
    take_in(store, file, clact)
    free = with_value(log_document(), "config/pruning/sparsity_type", "unstructured_act_magnitude")
    free = with_value(free, "config/pruning/sparsity_ratio", 0.7)
    take_in(store, file, with_value(free, "config/pruning/transformation_type", "None"))
    dense = with_value(log_document(), "config/pruning/sparsity_type", None)
    take_in(store, file, with_value(dense, "lm_eval", {}))
    found = [result.experiment for result in store.find()]
    assert [(e.pattern, e.criterion, e.mitigations, e.corpus) for e in found] == [
        ("2:4", "clact", ("d-pts", "var"), None),
        ("70%", "magnitude", (), "wikitext-2"),
        ("dense", "magnitude", (), "wikitext-2"),
    ]


PRUNING = "config/pruning"


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (f"{PRUNING}/transformation_type", "magic", "no method printed as 'semi-structured_act_"),
        (f"{PRUNING}/prune_m", 5, "no pattern printed as '2:5'"),
        (f"{PRUNING}/target_modules", ["q_proj", "lm_head"], "'lm_head' is not known here"),
        (f"{PRUNING}/target_modules", {"q": 1}, "at target_modules: it is no list of names"),
        (f"{PRUNING}/target_modules", ["q_proj"], "no scope printed as 'q'"),
        ("config/model/path", "someone/else", "no model printed as 'else'"),
        ("config/model/path", ["x"], "at model.path: it is no name of a model"),
        ("config/model/path", None, "does not say which model"),
        ("config/model/seqlen", 0, "at seqlen: it is no number of tokens"),
        ("config/env/prune_n", 3, "two different values of prune_n"),
        ("config/env/results", {"arc_easy": {"acc,none": 0.1}}, "two different results of lm-eval"),
        ("wikitext ppl", "low", "at wikitext ppl: low is no number"),
        ("wikitext ppl", {"c4": 8.0}, "at wikitext ppl: it is not one perplexity, of Wiki"),
        ("wikitext ppl", -8.0, "a perplexity is above 0"),
        ("lm_eval/arc_easy/acc,none", 66.79, "a share lies between 0 and 1"),
    ],
)
def test_a_broken_log_is_refused(
    store: Store, file: Path, path: str, value: Any, says: str
) -> None:
    assert says in refused(store, file, with_value(log_document(), path, value))


@pytest.mark.parametrize("missing", ["prune_n", "target_modules"])
def test_a_log_that_does_not_say_what_was_pruned_is_refused(
    store: Store, file: Path, missing: str
) -> None:
    document = log_document()
    del document["config"]["pruning"][missing]
    assert f"results.json at {missing}: it is missing" in refused(store, file, document)


def test_a_log_without_numbers_is_refused(store: Store, file: Path) -> None:
    document = log_document()
    del document["wikitext ppl"], document["lm_eval"]
    assert "neither lm-eval results nor a ppl" in refused(store, file, document)


def test_a_pruned_model_is_never_taken_for_a_dense_one(store: Store, file: Path) -> None:
    says = refused(store, file, log_document(), Format.LM_EVAL)
    assert "use --format log" in says
    assert "at sparsity_type: it is missing" in refused(store, file, lm_eval_document(), Format.LOG)
    assert "is no result" in refused(store, file, lm_eval_document(), Format.JSONL)


HOSTILE = [
    "'); DROP TABLE result; --",
    '<script>alert("x")</script>',
    "=HYPERLINK(1)",
    "../../etc/passwd",
    "%s%n{0}",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_only_text(store: Store, file: Path, name: str) -> None:
    document = lm_eval_document()
    document["config"]["model_args"] = {"pretrained": name}
    document["results"] = {name: {"acc,none": 0.5}}
    take_in(store, file, document)
    (result,) = store.find(model=name)
    assert result.measurements == (Measurement(metric="acc", task=name, value=0.5),)
    assert store.find(own=True) == [result]


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def test_csv_has_a_line_a_measurement(store: Store, tmp_path: Path) -> None:
    beyond = Censored(metric="perplexity", printed="OUT", reason="beyond the cut-off")
    printed = Printed(place="Table 1", model="x", pattern="2:4", method="ACT")
    other = Result(
        experiment=Experiment(pattern="2:4", mitigations=("d-pts", "var"), projections=("q", "k")),
        measurements=(
            Measurement(metric="average_drop", value=-1.49, printed="-1.49"),
            Measurement(metric="acc", task="=1+1", value=0.1 + 0.2, n=7, unit_of_n="examples"),
        ),
        censored=(beyond,),
        provenance=Provenance(source="@paper", printed=printed),
    )
    store.put(make())
    store.put(other)
    with store.writing() as connection:  # as a published source is
        connection.execute(sqlalchemy.text("UPDATE source SET seeded = true WHERE id = '@paper'"))
    assert export_file(store, tmp_path / "own.csv") == "1 result, 1 line written to own.csv."
    said = export_file(store, tmp_path / "all.csv", everything=True)
    assert said == "2 results, 4 lines written to all.csv."
    drop, acc, out, own = read_table(tmp_path / "all.csv")
    assert read_table(tmp_path / "own.csv") == [own]
    assert tuple(own) == csv_file.COLUMNS
    assert (own["key"], own["value"], own["stderr"], own["n"]) == (make().key, "19.0", "0.1", "4")
    assert (own["source"], own["place"]) == ("nmviz", "")
    assert own["started"] == "2026-05-01T00:00:00+00:00"
    assert (drop["value"], drop["printed"], drop["unit"]) == ("-1.49", "-1.49", "%")
    assert (drop["place"], drop["source"]) == ("Table 1", "'@paper")
    assert (acc["task"], float(acc["value"])) == ("'=1+1", 0.1 + 0.2)
    assert (acc["mitigations"], acc["projections"]) == ("d-pts,var", "q,k")
    assert (out["metric"], out["value"], out["printed"]) == ("perplexity", "", "OUT")
    assert out["censored"] == "beyond the cut-off"


def test_csv_of_countries_that_write_a_comma(store: Store, tmp_path: Path) -> None:
    store.put(make(12.5))
    export_file(store, tmp_path / "usual.csv", everything=True)
    dialect = csv_file.Dialect(";", ",")
    export_file(store, tmp_path / "comma.csv", everything=True, dialect=dialect)
    with (tmp_path / "comma.csv").open(newline="", encoding="utf-8") as table:
        lines = list(csv.DictReader(table, delimiter=";"))
    usual = read_table(tmp_path / "usual.csv")
    assert tuple(lines[0]) == csv_file.COLUMNS and len(lines) == len(usual)
    for line, same in zip(lines, usual, strict=True):
        for name in csv_file.COLUMNS:
            expected = same[name].replace(".", ",") if name in ("value", "stderr") else same[name]
            assert line[name] == expected
    assert [(line["value"], line["stderr"]) for line in lines] == [("12,5", "0,1")]


@pytest.mark.parametrize(
    ("separator", "decimal", "words"),
    [
        (",", ",", "give another --separator"),
        ("", ".", "A separator is one character"),
        (";;", ".", "A separator is one character"),
        ("x", ".", "A separator is one character"),
        ("\n", ".", "A separator is one character"),
        (";", "'", "Decimals stand behind . or ,"),
    ],
)
def test_a_table_that_could_not_be_read_is_refused(
    separator: str, decimal: str, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        csv_file.Dialect(separator, decimal)


def test_only_csv_has_a_dialect(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="which alone has a separator"):
        export_file(store, tmp_path / "a.jsonl", dialect=csv_file.Dialect(";", ","))
    assert not (tmp_path / "a.jsonl").exists()


def test_csv_is_not_read_back(store: Store, tmp_path: Path) -> None:
    store.put(make())
    export_file(store, tmp_path / "own.csv")
    with pytest.raises(UserError, match="CSV, which is for reading only"):
        import_file(store, tmp_path / "own.csv")


def test_jsonl_carries_every_result_to_another_store(store: Store, tmp_path: Path) -> None:
    results = [make(1.0, seed=3), make(2.0, source="someone"), make(3.0, pattern="2:4")]
    for result in results:
        store.put(result)
    assert export_file(store, tmp_path / "own.jsonl") == "3 results written to own.jsonl."
    assert export_file(store, tmp_path / "all.jsonl", everything=True).startswith("3 results")
    with open_store(tmp_path / "other.sqlite") as other:
        assert import_file(other, tmp_path / "all.jsonl").added == 3
        assert all(result in other.find(own=True) for result in results)
        again = tmp_path / "again.jsonl"
        export_file(other, again, everything=True)
        assert again.read_bytes() == (tmp_path / "all.jsonl").read_bytes()


def test_an_export_that_fails_leaves_the_old_file(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none of \.jsonl, \.csv and \.zip"):
        export_file(store, Path())
    with pytest.raises(UserError, match=r"cannot be written: No such file"):
        export_file(store, tmp_path / "gone" / "own.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match=r"folder\.csv cannot be written"):
        export_file(store, tmp_path / "folder.csv")
    old = tmp_path / "old.jsonl"
    write_jsonl([make()], old)
    before = old.read_bytes()
    with pytest.raises(UserError, match="not finite"):
        write_jsonl([make(2.0), make(float("nan"))], old)
    assert old.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("*.part")) == []
