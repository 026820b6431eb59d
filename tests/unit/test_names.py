"""The table of printed names: every name resolves, none is lost, what is not said stays unknown."""

import csv
from pathlib import Path

import pytest

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.methods.scopes import SCOPES
from nmviz.published import FOUR_MODELS, LARGE_MODELS, read_names, read_results, read_sources
from nmviz.published.names import Kind, Names
from nmviz.store.database import published_folder

FOLDER = published_folder()
assert FOLDER is not None
NAMES = read_names(FOLDER)
RESULTS = read_results(FOLDER, NAMES)


def lines() -> list[dict[str, str]]:
    """The lines of the files, in the order in which they are read."""
    found = []
    for source in read_sources(FOLDER):
        with (FOLDER / f"{source.id}.csv").open(newline="") as file:
            found += list(csv.DictReader(file))
    return found


def one_sentence(error: pytest.ExceptionInfo[UserError]) -> str:
    text = str(error.value)
    assert text.endswith(".") and "\n" not in text and ". " not in text
    return text


# every name ----------------------------------------------------------------------------------


def test_every_printed_name_resolves_and_is_kept() -> None:
    assert len(RESULTS) == len(lines())
    for result, line in zip(RESULTS, lines(), strict=True):
        printed = result.provenance.printed
        assert printed is not None
        assert (printed.place, printed.model, printed.pattern, printed.method) == tuple(
            line[column] for column in ("place", "model", "pattern", "method")
        )
        assert (printed.scope or "") == line["scope"]
        assert result.experiment.model in (*LARGE_MODELS, FOUR_MODELS)


def test_the_usual_names_of_what_is_published() -> None:
    assert {NAMES.of_result(result) for result in RESULTS} == {
        "dense",
        "ACT",
        "WT",
        "CLACT",
        "Amber-Pruner",
        "VAR",
        "D-PTS",
        "S-PTS",
        "L-PTS",
        "R-Sparse",
        "R-Sparse (64)",
        "R-Sparse (128)",
        "CLACT + D-PTS",
        "CLACT + VAR",
        "CLACT + D-PTS + VAR",
        "Amber-Pruner + D-PTS",
        "Amber-Pruner + VAR",
        "L-PTS + VAR",
        "LS + L-PTS",
        "LS + L-PTS + VAR",
    }


LATER = {
    ("model", name)
    for name in (
        "Llama2-7B-chat",
        "Llama-2-7b-chat-hf",
        "Llama3.1-8B-Instruct",
        "Gemma3-4B-Instruct",
    )
}
"""What later versions of the paper print, and logs of their models would: for imports."""


def test_no_name_is_in_the_table_for_nothing() -> None:
    columns: tuple[Kind, ...] = ("model", "pattern", "method", "scope")
    used = {(kind, line[kind]) for line in lines() for kind in columns if line[kind]}
    assert {(row.kind, row.printed) for row in NAMES.rows} == used | LATER


def test_what_a_name_says_gives_the_name_again() -> None:
    for result in RESULTS:
        assert NAMES.of_method(result.experiment) == NAMES.of_result(result)


@pytest.mark.parametrize(
    ("kind", "printed", "name"),
    [
        ("model", "Llama3-8B", "llama3.1-8b"),
        ("model", "Llama3.1-8B", "llama3.1-8b"),
        ("model", "Llama-3.1-8B-Instruct", "llama3.1-8b"),
        ("model", "Llama2-7B", "llama2-7b"),
        ("model", "Llama-2-7b-hf", "llama2-7b"),
        ("model", "gemma-3-4b-it", "gemma3-4b"),
        ("model", "AVERAGE", "four-models"),
        ("pattern", "unstructured-0.7", "70%"),
        ("method", "LPTS", "L-PTS"),
        ("method", "L-PTS", "L-PTS"),
        ("method", "PTS (=D-PTS)", "D-PTS"),
        ("method", "WANDA", "Amber-Pruner"),
        ("method", "CLACT + PTS", "CLACT + D-PTS"),
        ("method", "S-PTS (N-200)", "S-PTS"),
        ("scope", "k,o,gate,down", "key-out-gate-down"),
        ("scope", "key,out,gate,down", "key-out-gate-down"),
        ("scope", "q,k,v,o,gate,up,down", "all"),
    ],
)
def test_names_that_mean_the_same(kind: Kind, printed: str, name: str) -> None:
    assert NAMES.get(kind, printed).name == name


def test_a_name_that_is_not_the_usual_one_says_why() -> None:
    doubtful = ("WANDA", "PTS (=D-PTS)", "Llama3-8B", "AVERAGE", "Llama2-7B", "LPTS")
    for row in NAMES.rows:
        assert row.why or row.printed not in doubtful


def test_the_pattern_tells_two_meanings_of_a_name_apart() -> None:
    assert NAMES.experiment("Llama3-8B", "8:16", "CLACT").criterion == "clact"
    assert NAMES.experiment("Llama3-8B", "unstructured-0.5", "CLACT").criterion == "clact(over=?)"


# unknown names -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["model", "pattern", "method", "scope"])
def test_an_unknown_name_is_refused_in_one_sentence(kind: Kind) -> None:
    with pytest.raises(UserError) as error:
        NAMES.get(kind, "Llama9-900B" * 20)
    assert kind in one_sentence(error) and "names.csv" in str(error.value)
    assert len(str(error.value)) < 200
    right = ["Llama3-8B", "8:16", "LS+L-PTS", "all"]
    right[("model", "pattern", "method", "scope").index(kind)] = "nothing known"
    with pytest.raises(UserError, match="'nothing known'"):
        NAMES.experiment(*right)


def test_a_name_of_another_kind_of_pattern_is_unknown() -> None:
    with pytest.raises(UserError, match="WANDA"):
        NAMES.get("method", "WANDA", "50%")
    assert NAMES.get("method", "WANDA", "8:16").name == "Amber-Pruner"


def test_a_row_with_an_unknown_name_refuses_the_file(tmp_path: Path) -> None:
    for file in FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    paper = tmp_path / "arxiv-2509.22166v1.csv"
    text = paper.read_text().replace("Table 2,Llama2-7B,2:4,WT", "Table 2,Llama2-7B,2:4,WTF")
    paper.write_text(text)
    with pytest.raises(UserError, match=r"v1\.csv, line 7: .*'WTF'"):
        read_results(tmp_path, NAMES)


def test_a_broken_table_of_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"names\.csv cannot be read"):
        read_names(tmp_path)
    (tmp_path / "names.csv").write_text("kind,printed\nmodel,Llama3-8B\n")
    with pytest.raises(UserError, match=r"names\.csv cannot be read"):
        read_names(tmp_path)


# what is not said ----------------------------------------------------------------------------


@pytest.mark.parametrize("result", RESULTS[::9], ids=lambda r: str(r.provenance.printed))
def test_what_a_row_does_not_say_is_unknown_and_cannot_be_run(result: Result) -> None:
    experiment = result.experiment
    for name in ("tokens", "bos", "seed"):
        assert getattr(experiment, name) is None and name in experiment.unknown
    measured = result.get("perplexity") or any(b.metric == "perplexity" for b in result.censored)
    assert experiment.corpus == ("wikitext-2" if measured else None)
    with pytest.raises(UserError) as error:
        _ = experiment.reading
    assert "cannot be run" in one_sentence(error)


def test_a_log_says_its_window_and_a_table_none() -> None:
    windows = {
        (result.provenance.source, result.experiment.window)
        for result in RESULTS
        if result.get("perplexity")
    }
    assert windows == {("arxiv-2509.22166v1", None), ("authors-logs", 512)}


def test_a_setting_that_is_not_printed_cannot_be_run() -> None:
    known = Experiment(pattern="8:16", mitigations=("s-pts",))
    assert known.unknown == () and known.reading
    unknown = known.but(mitigations=("s-pts(per=?)",))
    assert unknown.unknown == ("s-pts(per)",)
    with pytest.raises(UserError) as error:
        _ = unknown.reading
    assert "s-pts(per)" in one_sentence(error)


def test_settings_that_tables_do_not_print_are_marked_as_such() -> None:
    by_name = {NAMES.of_result(result): result.experiment for result in RESULTS}
    assert "s-pts(per)" in by_name["S-PTS"].unknown
    assert {"l-pts(where)", "l-pts(rate)", "l-pts(epochs)"} <= set(by_name["L-PTS"].unknown)
    assert "r-sparse(rank)" in by_name["R-Sparse"].unknown
    assert not [name for name in by_name["R-Sparse (128)"].unknown if "rank" in name]


# scopes --------------------------------------------------------------------------------------


def test_qwen_is_pruned_without_query_key_and_value() -> None:
    for result in RESULTS:
        experiment, printed = result.experiment, result.provenance.printed
        assert printed is not None
        if experiment.model == "qwen2.5-7b" and not experiment.mask.is_dense:
            assert experiment.projections == SCOPES.get("without-qkv").projections
        elif not printed.scope:
            assert experiment.projections is None


def test_names_of_our_own_experiments() -> None:
    def name(**fields: object) -> str:
        return NAMES.of_method(Experiment.build(**fields))

    assert name(pattern="dense") == "dense"
    assert name(pattern="8:16", criterion="magnitude") == "ACT"
    assert name(pattern="8:16", target="weight", criterion="magnitude") == "WT"
    assert name(pattern="8:16", criterion="clact", mitigations=("var",)) == "CLACT + VAR"
    assert name(pattern="8:16", mitigations=("d-pts", "var")) == "magnitude + d-pts + var"
    assert name(pattern="8:16", target="weight", criterion="wanda") == "weights: wanda"
    assert Names([]).of_method(Experiment(pattern="8:16")) == "magnitude"
