"""The published tables and logs in the store, cell by cell."""

import hashlib
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

from nmviz.core.results import Result
from nmviz.published.cells import cell, cells
from nmviz.store import open_store
from nmviz.store.seed import BuildReport, build, verify

PAPER, LOGS = "arxiv-2509.22166v1", "authors-logs"

COUNTS_AND_SHA256 = {
    "Table 2": (
        105,
        "62721f0c9872517cfa66d42be576990ea54f6bf18173ca86e95fa045baf928ee",
    ),
    "Table 3": (
        36,
        "6ff54b1a489972ed6e90e83d6cc78138930319859e596dece6f6e8f9e63db177",
    ),
    "Table 4": (
        54,
        "8d0a5de46813ab7978455e6ed24610cbd3f5c7b1b4e89e23116fa855f09569e2",
    ),
    "Table 5": (
        19,
        "c6367cc7a710bef8d799cc962bf24600668557e7a4d8895297c45f4afc766695",
    ),
    "Table 6": (
        34,
        "d2ae17bf1a35d597ddd7766b8c1d1d276b97cf9a4d916d564849b9ce221598cd",
    ),
    "Table 7": (
        25,
        "7d0f6790ab5821e576bc3b79584623b975752ec28953410c3d364b597bf8c618",
    ),
    "Table 9": (
        159,
        "b9f569606abd091ad97e9ea2049c19159a035f3bbabbad80a4ed6308af69c876",
    ),
    "Table 10": (
        290,
        "afe1bbace4f208ae0b5188e96724957cda4ce6b17229f756e6f55febd8d4f3a1",
    ),
    "Table 11": (
        380,
        "796c55ab41fac141a23a120bc654e968b64af01879af605533975a4a43545b19",
    ),
    "Table 12": (
        89,
        "7c28c4b82f890b76192c461202eda5000d68a61effa7fe564831046b3f44582d",
    ),
    "authors-logs": (
        323,
        "119c0fee10471e78421c5ba998daa208bcef7500413a962842bd0f4aa6f49cd7",
    ),
}

TEN = {
    "Table 2": {
        "Llama2-7B, unstructured-0.5, ACT: average_drop": "2.31",
        "Gemma3-4B, unstructured-0.5, ACT: average_drop": "4.8",
        "AVERAGE, 2:4, WT: average_drop": "24.49",
        "Qwen2.5-7B, 2:4, CLACT: average_drop": "-2.45",
        "Llama3-8B, 2:4, Amber-Pruner: average_drop": "15.01",
        "Llama3-8B, 2:4, S-PTS: average_drop": "7.31",
        "Qwen2.5-7B, 2:4, R-SPARSE (128): average_drop": "-1.51",
        "AVERAGE, 8:16, VAR: average_drop": "3.3",
        "Gemma3-4B, 8:16, L-PTS: average_drop": "4.21",
        "Llama2-7B, 8:16, R-SPARSE (128): average_drop": "7.93",
    },
    "Table 3": {
        "Llama3-8B, dense, dense: prompt_loose of ifeval": "0.4861",
        "Llama3-8B, 2:4, S-PTS: prompt_strict of ifeval": "0.1682",
        "Llama3-8B, 2:4, R-Sparse: prompt_loose of ifeval": "0.0979",
        "Llama3-8B, 8:16, D-PTS: prompt_loose of ifeval": "0.3198",
        "Llama3-8B, 8:16, VAR: prompt_loose of ifeval": "0.3586",
        "Qwen2.5-7B, dense, dense: prompt_strict of ifeval": "0.7135",
        "Qwen2.5-7B, 2:4, D-PTS: prompt_loose of ifeval": "0.512",
        "Qwen2.5-7B, 2:4, VAR: prompt_strict of ifeval": "0.4565",
        "Qwen2.5-7B, 8:16, R-Sparse: prompt_strict of ifeval": "0.3697",
        "Qwen2.5-7B, 8:16, S-PTS: prompt_loose of ifeval": "0.5804",
    },
    "Table 4": {
        "Llama3-8B, dense, dense: acc of piqa": "0.8003",
        "Llama3-8B, unstructured-0.5, ACT: acc of arc_easy": "0.777",
        "Llama3-8B, unstructured-0.5, ACT: average_drop": "4.45",
        "Llama3-8B, unstructured-0.5, VAR: acc of winogrande": "0.7048",
        "Llama3-8B, unstructured-0.5, CLACT: acc of boolq": "0.8253",
        "Llama3-8B, unstructured-0.5, Amber-Pruner: acc of piqa": "0.7627",
        "Llama3-8B, unstructured-0.7, ACT: acc of arc_easy": "0.55808",
        "Llama3-8B, unstructured-0.7, D-PTS: average_drop": "25.68",
        "Llama3-8B, unstructured-0.7, VAR: acc of piqa": "0.67573",
        "Llama3-8B, unstructured-0.7, CLACT: acc of winogrande": "0.52407",
    },
    "Table 5": {
        "Llama3-8B, dense, dense: acc of mean of 11 tasks": "0.6726",
        "Llama3-8B, 8:16, LS+L-PTS, all: perplexity": "9.6036",
        "Llama3-8B, 8:16, LS+L-PTS, all: average_drop": "10.9",
        "Llama3-8B, 8:16, LS+L-PTS, key,out,gate,down: acc of mean of 11 tasks": "0.6385",
        "Llama3-8B, 8:16, LS+L-PTS, key,out,gate,down: average_drop": "5.43",
        "Llama3-8B, 8:16, LS+L-PTS, key,value,gate,down: perplexity": "8.0821",
        "Llama3-8B, 8:16, LS+L-PTS+VAR, all: acc of mean of 11 tasks": "0.6056",
        "Llama3-8B, 8:16, LS+L-PTS+VAR, key,out,gate,down: perplexity": "8.293",
        "Llama3-8B, 8:16, LS+L-PTS+VAR, key,value,gate,down: perplexity": "8.0259",
        "Llama3-8B, 8:16, LS+L-PTS+VAR, key,value,gate,down: average_drop": "3.36",
    },
    "Table 6": {
        "Llama3-8B, dense, dense: acc of boolq": "0.8391",
        "Llama3-8B, dense, dense: acc of winogrande": "0.734",
        "Llama3-8B, 2:4, ACT: acc of winogrande": "0.611",
        "Llama3-8B, 2:4, ACT: average_drop": "14.35",
        "Llama3-8B, 4:8, ACT: acc of piqa": "0.7529",
        "Llama3-8B, 8:16, ACT: acc of boolq": "0.7969",
        "Llama3-8B, 16:32, ACT: acc of arc_easy": "0.7698",
        "Llama3-8B, 16:32, ACT: average_drop": "5.4",
        "Llama3-8B, unstructured-0.5, ACT: acc of arc_easy": "0.782",
        "Llama3-8B, unstructured-0.7, ACT: acc of piqa": "0.6474",
    },
    "Table 7": {
        "Llama2-7B, 8:16, CLACT + PTS: average_drop": "5.63",
        "Qwen2.5-7B, 8:16, CLACT + PTS: average_drop": "-5.06",
        "AVERAGE, 8:16, CLACT + PTS: average_drop": "2.4",
        "Gemma3-4B, 8:16, CLACT + VAR: average_drop": "0.54",
        "Llama3-8B, 8:16, CLACT + VAR: average_drop": "8.59",
        "Qwen2.5-7B, 8:16, Amber-Pruner + PTS: average_drop": "-3.47",
        "AVERAGE, 8:16, Amber-Pruner + PTS: average_drop": "2.57",
        "Llama2-7B, 8:16, Amber-Pruner + VAR: average_drop": "4.74",
        "Gemma3-4B, 8:16, L-PTS + VAR: average_drop": "3.41",
        "AVERAGE, 8:16, L-PTS + VAR: average_drop": "5.07",
    },
    "Table 9": {
        "Llama2-7B, dense, dense: acc of boolq": "0.8",
        "Llama2-7B, unstructured-0.2, ACT: average_drop": "-0.33",
        "Llama2-7B, unstructured-0.7, WT: perplexity": "OUT",
        "Llama2-7B, unstructured-0.9, ACT: average_drop": "43.39",
        "Qwen2.5-7B, unstructured-0.5, WT: acc of piqa": "0.68",
        "Qwen2.5-7B, unstructured-0.7, WT: average_drop": "12.12",
        "Qwen2.5-7B, unstructured-0.9, WT: acc of arc_easy": "0.25",
        "Gemma3-4B, unstructured-0.5, ACT: perplexity": "22.39",
        "Gemma3-4B, unstructured-0.5, WT: average_drop": "30.89",
        "Gemma3-4B, unstructured-0.7, WT: acc of winogrande": "0.51",
    },
    "Table 10": {
        "Llama2-7B, dense, dense: acc of boolq": "0.80",
        "Llama2-7B, 2:4, D-PTS: average_drop": "10.67",
        "Llama2-7B, 2:4, Amber-Pruner: acc of arc_easy": "0.64",
        "Llama3.1-8B, 2:4, VAR: perplexity": "14.17",
        "Llama3.1-8B, 2:4, WANDA: average_drop": "15.01",
        "Llama3.1-8B, 2:4, S-PTS (N-100): acc of winogrande": "0.6",
        "Qwen2.5-7B, 2:4, D-PTS: acc of arc_easy": "0.79",
        "Qwen2.5-7B, 2:4, LPTS + VAR: average_drop": "3.97",
        "Gemma3-4B, 2:4, LPTS: perplexity": "19.55",
        "Gemma3-4B, 2:4, R-SPARSE (128): acc of boolq": "0.75",
    },
    "Table 11": {
        "Llama2-7B, 8:16, VAR: perplexity": "6.67",
        "Llama2-7B, 8:16, R-SPARSE (64): acc of piqa": "0.73",
        "Llama3.1-8B, 8:16, WT: acc of winogrande": "0.54",
        "Llama3.1-8B, 8:16, CLACT + PTS: acc of arc_easy": "0.74",
        "Qwen2.5-7B, dense, dense: acc of arc_easy": "0.69",
        "Qwen2.5-7B, 8:16, S-PTS: average_drop": "-7.24",
        "Qwen2.5-7B, 8:16, Amber-Pruner + VAR: average_drop": "-3.60",
        "Gemma3-4B, 8:16, WT: acc of piqa": "0.62",
        "Gemma3-4B, 8:16, CLACT + PTS: perplexity": "26.03",
        "Gemma3-4B, 8:16, Amber-Pruner: acc of piqa": "0.70",
    },
    "Table 12": {
        "Llama3-8B, dense, dense: acc of piqa": "0.8003",
        "Llama3-8B, dense, dense: acc of mmlu": "0.679",
        "Llama3-8B, 8:16, LS+L-PTS, all: acc of lambada_standard": "0.5686",
        "Llama3-8B, 8:16, LS+L-PTS, k,o,gate,down: acc of mmlu": "0.606",
        "Llama3-8B, 8:16, LS+L-PTS, k,v,gate,down: acc of rte": "0.6643",
        "Llama3-8B, 8:16, LS+L-PTS+VAR, all: acc of openbookqa": "0.288",
        "Llama3-8B, 8:16, LS+L-PTS+VAR, all: average_drop": "10.6",
        "Llama3-8B, 8:16, LS+L-PTS+VAR, k,o,gate,down: acc of hellaswag": "0.5634",
        "Llama3-8B, 8:16, LS+L-PTS+VAR, k,o,gate,down: perplexity": "8.293",
        "Llama3-8B, 8:16, LS+L-PTS+VAR, k,v,gate,down: acc of lambada_openai": "0.7143",
    },
}
"""Ten cells of every table, as printed."""

TEN_LOGGED = {
    ("065ef05e", "acc", "arc_easy"): (0.6679292929292929, 0.009663817543072701),
    ("31f709a5", "acc_norm", "piqa"): (0.7442872687704026, 0.01017869010945986),
    ("4399c8d6", "acc", "arc_easy"): (0.5580808080808081, 0.010190328123071777),
    ("472192f7", "acc", "winogrande"): (0.6385161799526441, 0.013502479670791278),
    ("6187c1e4", "acc", "hellaswag"): (0.44503087034455285, None),
    ("74bc18ff", "acc", "hellaswag"): (0.33409679346743676, None),
    ("818d340c", "acc_norm", "arc_challenge"): (0.45307167235494883, None),
    ("b8714634", "acc_norm", "piqa"): (0.6566920565832427, None),
    ("00768aa7", "acc", "boolq"): (0.6039755351681957, 0.008553881336813417),
    ("a9622fb4", "perplexity", None): (11.914304733276367, None),
}
"""Ten values of the logs, with the standard errors of some."""


@pytest.fixture(scope="module")
def path(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copy(shipped, tmp_path_factory.mktemp("store") / "nmviz.sqlite"))


@pytest.fixture(scope="module")
def seeded(path: Path) -> list[Result]:
    with open_store(path) as store:
        return store.find(source=[PAPER, LOGS])


def printed(result: Result) -> dict[str, str]:
    """Every quantity of a row as `its place: quantity` and the text that was printed."""
    texts = [(m.metric, m.task, m.printed) for m in result.measurements]
    texts += [(beyond.metric, beyond.task, beyond.printed) for beyond in result.censored]
    return {str(cell(result, metric, task)): text or "" for metric, task, text in texts}


def by_place(results: list[Result]) -> dict[str, dict[str, str]]:
    """The same for each table; the logs stand together, with their standard errors."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for result in results:
        assert result.provenance.printed is not None
        logged = result.provenance.source == LOGS
        texts = printed(result)
        if logged:
            errors = {f"{cell(result, m.metric, m.task)} stderr": m for m in result.measurements}
            texts |= {name: repr(m.stderr) for name, m in errors.items() if m.stderr is not None}
        place = LOGS if logged else result.provenance.printed.place
        assert not set(found[place]) & set(texts), "two rows of one name"
        found[place] |= texts
    return found


def sha256(texts: dict[str, str]) -> str:
    lines = "".join(f"{name}={text}\n" for name, text in sorted(texts.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def test_every_table_has_its_cells_and_its_checksum(seeded: list[Result]) -> None:
    tables = by_place(seeded)
    assert {name: (len(t), sha256(t)) for name, t in tables.items()} == COUNTS_AND_SHA256


def test_totals(seeded: list[Result]) -> None:
    paper = [result for result in seeded if result.provenance.source == PAPER]
    logs = [result for result in seeded if result.provenance.source == LOGS]
    assert sum(len(list(cells(result))) for result in paper) == 1191
    assert sum(len(result.censored) for result in paper) == 9
    assert len(logs) == 22
    values = [number for result in logs for number in result.measurements]
    assert len(values) == 163
    assert sum(number.stderr is not None for number in values) == 160


@pytest.mark.parametrize("table", TEN)
def test_ten_cells_of_every_table(seeded: list[Result], table: str) -> None:
    cells = by_place(seeded)[table]
    assert len(TEN[table]) == 10
    assert {name: cells[f"{table}, {name}"] for name in TEN[table]} == TEN[table]


def test_ten_values_of_the_logs(seeded: list[Result]) -> None:
    logged = {
        (result.provenance.printed.place[:8], number.metric, number.task): number
        for result in seeded
        if result.provenance.source == LOGS and result.provenance.printed
        for number in result.measurements
    }
    for name, (value, stderr) in TEN_LOGGED.items():
        assert logged[name].value == value
        assert stderr in (None, logged[name].stderr)


def test_a_number_is_the_text_that_was_printed(seeded: list[Result]) -> None:
    for result in seeded:
        for number in result.measurements:
            assert number.printed is not None and number.value == float(number.printed)


def test_what_is_printed_as_out_is_never_a_number(seeded: list[Result]) -> None:
    out = [result for result in seeded if result.censored]
    assert {r.provenance.printed.place for r in out if r.provenance.printed} == {"Table 9"}
    for result in out:
        (beyond,) = result.censored
        assert (beyond.metric, beyond.task, beyond.printed) == ("perplexity", None, "OUT")
        assert "cut-off" in beyond.reason
        assert result.get("perplexity") is None


def test_accuracies_of_tables_know_how_many_examples_they_are_over(seeded: list[Result]) -> None:
    shares = [
        number
        for result in seeded
        for number in result.measurements
        if number.metric in ("acc", "acc_norm", "prompt_strict", "prompt_loose")
    ]
    for number in shares:
        assert 0 <= number.value <= 1
        summary = (number.task or "").startswith("mean of")
        assert (number.n is None) == summary and (number.unit_of_n is None) == summary


def test_seeding_again_adds_nothing(path: Path, seeded: list[Result]) -> None:
    with open_store(path) as store:
        kept = len(store.find(seeded=True, sites=False))
        for again in (False, True):
            assert build(store, again=again) == BuildReport(0, 0, 0, kept)
        assert store.find(source=[PAPER, LOGS]) == seeded
        assert verify(store) == []
