"""What is imported is found on the page, in figures, tables and exports, with how it was asked."""

import copy
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from foreign import lm_eval_document, log_document

from nmviz import service
from nmviz.published.listing import Row, Selection, to_csv, to_json, to_latex
from nmviz.published.listing.asking import Asked
from nmviz.published.listing.imported import DENSE_LOSE_NOTHING, NONE_YET, OTHERS
from nmviz.service.listing import explore, imported_rows, remarks
from nmviz.store.transfer.exporting import export_file
from nmviz.store.transfer.importing import import_file
from nmviz.ui.published import answer as answers
from nmviz.ui.published import imports, words
from nmviz.ui.published.answer import FIELDS
from nmviz.views.published.catalogue import FIGURES, KINDS

WAYS = ("0-shot, no limit, no chat template", "5-shot, no limit, chat template")
WAYS += ("0-shot, limit 10, no chat template",)


def documents() -> dict[str, dict[str, Any]]:
    """One task of one model, asked in three ways."""
    plain, shots, few = (copy.deepcopy(lm_eval_document()) for _ in range(3))
    for made in (plain, shots, few):
        made["results"] = {"arc_easy": {"acc,none": 0.5, "acc_stderr,none": 0.01}}
    shots |= {"n-shot": {"arc_easy": 5}, "chat_template": "{{ messages }}"}
    few["config"]["limit"] = 10.0
    few["n-samples"]["arc_easy"]["effective"] = 10
    return {"plain.json": plain, "shots.json": shots, "few.json": few}


def bring(folder: Path, made: dict[str, dict[str, Any]]) -> None:
    for name, document in made.items():
        (folder / name).write_text(json.dumps(document))
        import_file(service.store(), folder / name)


@pytest.fixture
def brought(own_store: Path, tmp_path: Path) -> None:
    """The process's store has the three."""
    bring(tmp_path, documents())


CHOSEN = Selection(metric="acc", tasks=("arc_easy", "boolq"), patterns=("2:4",), imported=True)


def brought_rows(selection: Selection = CHOSEN) -> list[Row]:
    return [row for row in explore(selection) if row.imported]


@pytest.mark.usefixtures("brought")
def test_each_way_to_ask_is_a_row_with_its_file_beside_the_number() -> None:
    found = brought_rows()
    assert {row.asked.words for row in found} == set(WAYS)
    assert {row.where.partition(" (")[0] for row in found} == {
        f"lm-eval result {name}" for name in documents()
    }
    assert {(row.text, row.error_text, row.stderr_from) for row in found} == {
        ("0.500", "0.0100", "as in the file")
    }
    assert len({row.key for row in found}) == len(found) == 3
    assert not [row for row in explore(Selection(metric="acc")) if row.imported]
    assert len(brought_rows(Selection(metric="acc", tasks=(), imported=True))) == 3
    (five,) = brought_rows(Selection(metric="acc", imported=True, words="5-shot"))
    assert "shots.json" in five.place


@pytest.mark.usefixtures("brought")
def test_tables_and_exports_say_how_each_was_asked() -> None:
    found = brought_rows()
    asked = words.COLUMNS.index("Asked")
    assert {row[asked] for row in words.cells(found)} == set(WAYS)
    assert words.counted(found).count("3 imported files") == 1
    assert OTHERS.replace("'", "&#x27;") in words.head("", found, [])
    table = list(csv.DictReader(io.StringIO(to_csv(found))))
    told = {(row["shots"], row["limit"], row["chat_template"]) for row in table}
    assert told == {("0", "none", "no"), ("5", "none", "yes"), ("0", "10", "no")}
    assert {row["source"] for row in json.loads(to_json(found))} == {"imported"}
    assert all(way in to_latex(found) for way in WAYS)


@pytest.mark.usefixtures("brought")
@pytest.mark.parametrize("kind", ["pairs", "methods"])
def test_a_figure_draws_each_apart(kind: str) -> None:
    figure = json.loads(KINDS[kind][1](brought_rows()).to_json())
    points = [text for trace in figure["data"] for text in trace.get("hovertext", ())]
    assert len(points) == 3
    assert all(any(way in text.replace("<br>", " ") for text in points) for way in WAYS)
    layout = json.dumps(figure["layout"])
    assert all(way in layout for way in WAYS)
    assert "ARC-Easy" in (layout if kind == "pairs" else points[0])


@pytest.mark.usefixtures("brought")
def test_the_tab_has_a_place_for_them() -> None:
    listed = answers.standing()["imports"]
    assert all(part in listed for part in (*WAYS, *documents(), "0.500 ± 0.0100"))
    usual = answers.values_of(FIGURES["weights-and-activations"])
    usual |= {"sources": [], "metric": "acc", "imported": True}
    said = answers.answered([usual[name] for name in FIELDS])
    assert "Imported results are from a user&#x27;s own files" in said["head"]
    assert "3 imported files" in said["count"]
    file = json.loads(answers.exported([usual[name] for name in FIELDS], "CSV"))
    assert file["text"].count("lm-eval result") == 3


@pytest.mark.usefixtures("own_store")
def test_where_there_is_none_the_page_says_how_to_import() -> None:
    assert imports.listed() == f'<p class="words">{NONE_YET.replace("`", "")}</p>'.replace(
        "'", "&#x27;"
    )
    assert remarks(Selection(imported=True), []).count(NONE_YET) == 1


@pytest.mark.usefixtures("brought")
def test_dense_ones_lose_no_accuracy_and_the_page_says_so() -> None:
    chosen = Selection(metric="drop", imported=True)
    assert brought_rows(chosen) == []
    assert DENSE_LOSE_NOTHING in remarks(chosen, explore(chosen))


def test_a_pruned_log_is_set_against_a_dense_one_asked_in_the_same_way(
    own_store: Path, tmp_path: Path
) -> None:
    dense = log_document()
    dense["config"]["pruning"]["sparsity_type"] = None
    dense["lm_eval"]["arc_easy"]["acc,none"] = 0.8
    other = copy.deepcopy(dense)
    other["config"]["benchmarks"]["harness"]["num_fewshot"] = 5
    other["lm_eval"]["arc_easy"]["acc,none"] = 0.9
    bring(tmp_path, {"other.json": other, "sparse.json": log_document()})
    chosen = Selection(metric="drop", tasks=("arc_easy",), imported=True)
    assert brought_rows(chosen) == []
    bring(tmp_path, {"dense.json": dense})
    (row,) = brought_rows(chosen)
    assert row.value == pytest.approx(100 * (1 - 0.6679 / 0.8))
    assert (row.model, row.method, row.stderr) == ("Llama 2 7B", "VAR", row.stderr)
    spread = 100 * ((0.0097 / 0.8) ** 2 + (0.6679 * 0.0097 / 0.8**2) ** 2) ** 0.5
    assert row.stderr == pytest.approx(spread)
    perplexity = brought_rows(Selection(metric="perplexity", imported=True))
    assert [one.text for one in perplexity] == ["8.12"] * 3
    assert {one.asked for one in perplexity} == {Asked()}


def test_a_plain_export_has_them_and_published_ones_only_with_all(
    brought: None, tmp_path: Path
) -> None:
    plain, everything = tmp_path / "plain.jsonl", tmp_path / "all.jsonl"
    export_file(service.store(), plain)
    export_file(service.store(), everything, everything=True)
    sources = [json.loads(line)["provenance"]["source"] for line in plain.open()]
    assert sum(one.startswith("lm-eval:") for one in sources) == 3
    assert {one.partition(":")[0] for one in sources} == {"lm-eval", "nmviz"}
    assert len(sources) < len(everything.read_text().splitlines())


def test_what_an_older_version_imported_is_shown_with_what_is_known(
    own_store: Path, tmp_path: Path
) -> None:
    old = Path(__file__).parents[1] / "compatibility" / "of_8bff173" / "export.jsonl"
    lines = [line for line in old.open() if '"source":"nmviz"' not in line]
    (tmp_path / "old.jsonl").write_text("".join(lines))
    import_file(service.store(), tmp_path / "old.jsonl")
    found = imported_rows()
    assert {row.source for row in found} == {"imported"}
    assert {row.asked.words for row in found if row.task} == {WAYS[0]}
    assert {row.key for row in found} <= {
        result.key for result in service.store().find(own=True, seeded=False)
    }
