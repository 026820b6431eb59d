"""Every detector on made tables: with planted faults it finds exactly those, without none."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

import pytest

from nmviz.base.wording import listed
from nmviz.core.results import Measurement, Printed, Provenance, Result
from nmviz.published import read_names
from nmviz.published.audit import DETECTORS, Finding, audit, confirmed, marks
from nmviz.published.audit.noise import limit
from nmviz.published.audit.order import is_milder
from nmviz.published.audit.printed import Rounded, Row, Rows, agree, drop, mean, slug
from nmviz.published.tables import EXAMPLES
from nmviz.store.database import published_folder

FOLDER = published_folder()
assert FOLDER is not None
NAMES = read_names(FOLDER)

RUN = "semi-structured_act_magnitude / "
TASKS = ("arc_easy", "boolq", "piqa", "winogrande")
DENSE = ("0.80", "0.80", "0.80", "0.50")
SPARSE = ("0.72", "0.76", "0.60", "0.45")  # drops of 10, 5, 25 and 10 %: 12.50 on average
MILD = ("0.76", "0.76", "0.76", "0.49")  # 5, 5, 5 and 2: 4.25


def number(metric: str, text: str, task: str | None = None) -> Measurement:
    count = EXAMPLES.get(task or "")
    return Measurement(metric=metric, task=task, value=float(text), printed=text, n=count)


def row(
    place: str,
    model: str,
    pattern: str,
    method: str,
    acc: Sequence[str] = (),
    *,
    drop: str = "",
    perplexity: str = "",
    tasks: Sequence[str] = TASKS,
    scope: str = "",
    window: int | None = None,
    commit: str | None = None,
    more: Mapping[str, str] | None = None,
) -> Result:
    """One row of a made table, or, with a commit, one made log."""
    experiment = NAMES.experiment(model, pattern, method, scope)
    numbers = [number("acc", text, task) for task, text in zip(tasks, acc, strict=False)]
    numbers += [number("acc", text, task) for task, text in (more or {}).items()]
    numbers += [number("perplexity", perplexity)] if perplexity else []
    numbers += [number("average_drop", drop)] if drop else []
    printed = Printed(place=place, model=model, pattern=pattern, method=method, scope=scope or None)
    source = "made-logs" if commit else "made"
    return Result(
        experiment=experiment.but(window=window) if window else experiment,
        measurements=tuple(numbers),
        provenance=Provenance(source=source, commit=commit, printed=printed),
    )


def dense(place: str = "Table 1", model: str = "Llama2-7B", acc: Sequence[str] = DENSE) -> Result:
    return row(place, model, "dense", "dense", acc, perplexity="6.00")


def log(place: str, model: str, pattern: str, method: str, acc: Sequence[str]) -> Result:
    return row(place, model, pattern, method, acc, commit="abc1234", window=2048)


def find(detector: str, *results: Result) -> list[Finding]:
    return list(DETECTORS[detector](Rows(results, NAMES)))


def marked(finding: Finding) -> set[tuple[str, str, str, str, str]]:
    return {
        (c.place, c.model, c.pattern, c.method, f"{c.metric} {c.task}".strip())
        for c in finding.cells
    }


ACCURACIES = {f"acc {task}" for task in ("arc_easy", "boolq", "piqa", "winogrande")}


def of_row(*row: str, drop: bool = True) -> set[tuple[str, ...]]:
    """The accuracies of a row, and the drop beside them."""
    return {(*row, what) for what in (*ACCURACIES, *(["average_drop"] * drop))}


CLEAN = (
    dense(),
    row("Table 1", "Llama2-7B", "2:4", "ACT", SPARSE, drop="12.50", perplexity="9.00"),
    row("Table 1", "Llama2-7B", "8:16", "ACT", MILD, drop="4.25", perplexity="7.00"),
    row("Table 1", "Llama2-7B", "8:16", "VAR", ("0.75", "0.77", "0.76", "0.49"), drop="4.25"),
    dense("Table 1", "Qwen2.5-7B", ("0.60", "0.90", "0.70", "0.50")),
    row("Table 1", "Qwen2.5-7B", "8:16", "ACT", ("0.57", "0.81", "0.63", "0.50"), drop="6.25"),
    row("Table 2", "Llama2-7B", "8:16", "ACT", drop="4.25"),
    row("Table 2", "Qwen2.5-7B", "8:16", "ACT", drop="6.25"),
    row("Table 2", "Gemma3-4B", "8:16", "ACT", drop="1"),
    row("Table 2", "Llama3-8B", "8:16", "ACT", drop="2.3"),
    row("Table 2", "AVERAGE", "8:16", "ACT", drop="3.45"),
    log(
        "run-one",
        "Llama-2-7b-hf",
        "8:16",
        RUN + "variance",
        ("0.7512", "0.7688", "0.7601", "0.4933"),
    ),
)


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_clean_table_has_no_finding(detector: str) -> None:
    assert find(detector, *CLEAN) == []


def test_nothing_published_has_no_finding() -> None:
    own = Result(
        experiment=CLEAN[1].experiment,
        measurements=(number("perplexity", "9"),),
        provenance=Provenance(source="nmviz"),
    )
    assert audit([], NAMES) == audit([own], NAMES) == ()


# average drops -------------------------------------------------------------------------------


def test_the_drop_is_the_mean_over_tasks_of_the_relative_loss() -> None:
    sparse, whole = ([Rounded(float(text), 0.005) for text in row] for row in (SPARSE, DENSE))
    again = drop(sparse, whole)
    assert again.value == pytest.approx((10 + 5 + 25 + 10) / 4)
    low = drop(
        [Rounded(x.value + 0.005, 0) for x in sparse], [Rounded(x.value - 0.005, 0) for x in whole]
    )
    high = drop(
        [Rounded(x.value - 0.005, 0) for x in sparse], [Rounded(x.value + 0.005, 0) for x in whole]
    )
    assert again.bound == pytest.approx((high.value - low.value) / 2, rel=0.01)
    assert again.bound / 6 < again.deviation < again.bound / 3


@pytest.mark.parametrize(
    ("printed", "certainty"),
    [("12.50", None), ("13.50", None), ("11.50", None), ("13.70", "inferred"), ("14.20", "proved")],
)
def test_a_drop_is_wrong_beyond_what_rounding_explains(printed: str, certainty: str | None) -> None:
    found = find("drops", dense(), row("Table 1", "Llama2-7B", "2:4", "ACT", SPARSE, drop=printed))
    assert [f.certainty for f in found] == [certainty] * bool(certainty)
    for finding in found:
        assert finding.id == "drop-table-1-llama2-7b-2-4-act"
        assert printed in finding.title and "12.50" in finding.title
        assert marked(finding) == of_row("Table 1", "Llama2-7B", "2:4", "ACT")  # either is wrong


def test_more_digits_leave_rounding_less_room_even_where_last_zeros_are_lost() -> None:
    exact = ("0.8000", "0.8000", "0.8000", "0.5000")
    four = ("0.7200", "0.7600", "0.6", "0.4500")  # 0.6 for 0.6000
    right = row("Table 1", "Llama2-7B", "2:4", "ACT", four, drop="12.51")
    wrong = row("Table 1", "Llama2-7B", "2:4", "VAR", four, drop="12.53")
    assert [f.id for f in find("drops", dense(acc=exact), right, wrong)] == [
        "drop-table-1-llama2-7b-2-4-var"
    ]


def test_a_column_that_is_wrong_throughout_is_one_finding() -> None:
    rows = [
        row("Table 1", "Llama2-7B", pattern, method, SPARSE, drop=text)
        for pattern, method, text in (
            ("2:4", "ACT", "14.50"),
            ("2:4", "VAR", "14.60"),
            ("8:16", "ACT", "14.50"),
        )
    ]
    (finding,) = find("drops", dense(), *rows)
    assert finding.id == "drop-table-1-llama2-7b" and len(finding.cells) == 3  # the drops alone
    assert "14.50 is printed for 2:4 ACT and 8:16 ACT" in finding.evidence
    assert "another dense row" in finding.consequence  # all out by about the same
    (finding,) = find("drops", dense(), *rows[:2], CLEAN[2])
    assert "2 of 3" in finding.title and "use neither" in finding.consequence
    assert marked(finding) == of_row("Table 1", "Llama2-7B", "2:4", "ACT") | of_row(
        "Table 1", "Llama2-7B", "2:4", "VAR"
    )


def test_a_wrong_drop_is_marked_wherever_it_is_printed() -> None:
    models = ("Llama2-7B", "Qwen2.5-7B")
    wrong = [row("Table 1", m, "2:4", "ACT", SPARSE, drop="14.5") for m in models]
    summary = four("8.75", "14.5", "14.5", "3", "3")
    other = row("Table 3", "Llama2-7B", "2:4", "ACT", drop="14.9")  # not the same number
    first, _ = find("drops", dense(), dense(model=models[1]), *wrong, *summary, other)
    assert marked(first) == of_row("Table 1", "Llama2-7B", "2:4", "ACT") | {
        ("Table 2", "Llama2-7B", "2:4", "ACT", "average_drop"),
        ("Table 2", "AVERAGE", "2:4", "ACT", "average_drop"),
    }
    assert "If the accuracies are right: The four-model average of Table 2 becomes 8.25" in (
        first.consequence
    )
    assert "With all its drops of this kind corrected, 7.75." in first.consequence


def test_a_drop_that_another_table_confirms_is_not_marked_there() -> None:
    wrong = row("Table 1", "Llama2-7B", "2:4", "ACT", MILD, drop="12.5")
    right = row("Table 3", "Llama2-7B", "2:4", "ACT", SPARSE, drop="12.5")
    (finding,) = find("drops", dense(), dense("Table 3"), wrong, right)
    assert {cell.place for cell in finding.cells} == {"Table 1"}


def test_a_drop_taken_from_the_row_beside_it_is_found_where_all_others_are_exact() -> None:
    others = [
        row("Table 1", "Llama2-7B", "2:4", method, SPARSE, drop="12.50")
        for method in ("ACT", "VAR", "CLACT", "D-PTS")
    ]
    near = row("Table 1", "Llama2-7B", "2:4", "S-PTS", ("0.73", *SPARSE[1:]), drop="12.50")
    (finding,) = find("drops", dense(), *others, near)
    assert finding.id == "drop-table-1-llama2-7b-2-4-s-pts" and "12.19" in finding.title
    assert finding.certainty == "inferred"
    assert find("drops", dense(), *others[:3], near) == []  # too few exact rows to tell


def test_a_row_without_its_dense_row_cannot_be_recomputed() -> None:
    alone = row("Table 1", "Llama2-7B", "2:4", "ACT", SPARSE, drop="99")
    assert find("drops", alone, dense("Table 2"), dense(model="Qwen2.5-7B")) == []
    fewer = row("Table 1", "Llama2-7B", "dense", "dense", DENSE[:2])
    assert find("drops", alone, fewer) == []


# averages ------------------------------------------------------------------------------------


def four(average: str, *drops: str, method: str = "ACT") -> list[Result]:
    models = ("Llama2-7B", "Qwen2.5-7B", "Gemma3-4B", "Llama3-8B")
    rows = [row("Table 2", m, "2:4", method, drop=d) for m, d in zip(models, drops, strict=True)]
    return [*rows, row("Table 2", "AVERAGE", "2:4", method, drop=average)]


def test_an_average_over_models_that_is_not_theirs() -> None:
    assert find("averages", *four("6.01", "4", "5", "6", "9")) == []
    (finding,) = find("averages", *four("6.02", "4", "5", "6", "9"))
    assert finding.id == "average-table-2-2-4-act" and "its parts give 6.00" in finding.title
    assert marked(finding) == {("Table 2", "AVERAGE", "2:4", "ACT", "average_drop")}


def test_an_average_over_tasks_that_is_not_theirs() -> None:
    whole = row("Table 3", "Llama2-7B", "8:16", "ACT", ("0.7000", "0.8000", "0.6000", "0.5001"))
    right = row("Table 4", "Llama2-7B", "8:16", "ACT", more={"mean of 4 tasks": "0.6501"})
    wrong = row("Table 4", "Llama2-7B", "8:16", "ACT", more={"mean of 4 tasks": "0.6503"})
    assert find("averages", whole, right) == []
    (finding,) = find("averages", whole, wrong)
    assert [cell.task for cell in finding.cells] == ["mean of 4 tasks"]


def test_averages_round_halves_up() -> None:
    assert (
        str(mean([Decimal("10.37"), Decimal("-4.43"), Decimal("3.93"), Decimal("14.31")])) == "6.05"
    )


# tables against tables -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2.31", "2.32", True),  # a last digit apart
        ("4.8", "4.80", True),
        ("-6.28", "-6.20", True),  # cut, and a zero added
        ("-6.28", "-6.3", True),  # rounded
        ("0.7525", "0.75", True),
        ("0.7525", "0.76", False),
        ("8.44", "8.49", False),
        ("0.777", "0.782", False),
        ("7.31", "14.31", False),
    ],
)
def test_what_is_the_same_number(one: str, other: str, same: bool) -> None:
    a, b = number("average_drop", one), number("average_drop", other)
    assert agree(a, b) == agree(b, a) == same


def test_two_tables_that_contradict_each_other() -> None:
    rows = [
        *four("5.08", "3.33", "5", "6", "6"),
        *four("5.50", "4", "5", "6", "7", method="VAR"),
        dense(),
        row("Table 1", "Llama2-7B", "2:4", "ACT", SPARSE, drop="13.33"),
        row("Table 1", "Llama2-7B", "2:4", "VAR", SPARSE, drop="12.50"),
        row("Table 2", "Llama2-7B", "8:16", "ACT", drop="3.34"),
    ]
    act, var = find("contradictions", *rows)
    assert act.id == "tables-llama2-7b-2-4-act" and var.id == "tables-llama2-7b-2-4-var"
    assert "3.33 in Table 2" in act.title and "13.33 in Table 1" in act.title
    assert "3.33 lacks one digit of 13.33" in act.evidence
    assert "3.33 is 0.01 from the value of Table 2, Llama2-7B, 8:16, ACT" in act.evidence
    assert "The accuracies of Table 1, Llama2-7B, 2:4, ACT give 12.50" in act.evidence
    assert "average of Table 2 becomes 7.58 instead of 5.08" in act.consequence
    assert "no longer the lowest there (VAR, 5.50)" in act.consequence
    assert marked(act) == {
        ("Table 2", "Llama2-7B", "2:4", "ACT", "average_drop"),
        ("Table 2", "AVERAGE", "2:4", "ACT", "average_drop"),
    }
    assert "becomes 7.63" in var.consequence and "lowest" not in var.consequence
    first = [*rows[:5], *four("9.50", "8", "9", "10", "11", method="CLACT"), *rows[10:12]]
    (act,) = find("contradictions", *first)
    assert "becomes 7.58" in act.consequence and "lowest" not in act.consequence  # it still is


def test_a_log_tells_which_of_two_tables_is_right() -> None:
    rows = [
        dense(),
        row("Table 1", "Llama2-7B", "8:16", "VAR", ("0.71", *MILD[1:])),
        row("Table 3", "Llama2-7B", "8:16", "VAR", MILD),
    ]
    (finding,) = find("contradictions", *rows)  # nothing tells
    assert {cell.place for cell in finding.cells} == {"Table 1", "Table 3"}
    (finding,) = find(
        "contradictions", *rows, log("run", "Llama-2-7b-hf", "8:16", RUN + "variance", MILD)
    )
    assert marked(finding) == {("Table 1", "Llama2-7B", "8:16", "VAR", "acc arc_easy")}
    assert "Log run: accuracy on arc_easy 0.7600" in finding.evidence


def test_two_rows_of_one_method_in_a_table_do_not_contradict_it() -> None:
    rows = [
        row("Table 1", "Llama2-7B", "2:4", f"S-PTS ({n})", drop=text)
        for n, text in (("N-100", "14.61"), ("N-200", "14.31"))
    ]
    same = row("Table 2", "Llama2-7B", "2:4", "S-PTS", drop="14.31")
    assert find("contradictions", *rows, same) == []
    other = row("Table 2", "Llama2-7B", "2:4", "S-PTS", drop="7.31")
    (finding,) = find("contradictions", *rows, other)
    assert "7.31 in Table 2" in finding.title and "14.61 and 14.31 in Table 1" in finding.title


# copies --------------------------------------------------------------------------------------


def test_a_row_that_stands_in_two_models_is_a_copy() -> None:
    one = row("Table 1", "Llama2-7B", "8:16", "VAR", MILD, perplexity="7")
    other = row("Table 1", "Qwen2.5-7B", "8:16", "VAR", MILD, perplexity="9")
    (finding,) = find("copies", one, other)
    assert finding.certainty == "inferred" and len(finding.cells) == 8
    sure = log("run-one", "Llama-2-7b-hf", "8:16", RUN + "variance", MILD)
    (finding,) = find("copies", one, other, sure)
    assert finding.certainty == "inferred" and "not known" in finding.consequence
    assert {cell.model for cell in finding.cells} == {"Qwen2.5-7B"}
    logs = [
        log("run-one", "Llama-2-7b-hf", "8:16", RUN + "variance", MILD),
        log("run-two", "Qwen2.5-7B", "8:16", RUN + "variance", DENSE),
    ]
    (finding,) = find("copies", one, other, *logs)
    assert finding.id == "copy-table-1-qwen2-5-7b-8-16-var" and finding.certainty == "proved"
    assert {cell.model for cell in finding.cells} == {"Qwen2.5-7B"}
    assert find("logs", one, other, *logs) == []  # said already


def test_chance_agreement_is_no_copy() -> None:
    three = row("Table 1", "Qwen2.5-7B", "8:16", "ACT", (*MILD[:3], "0.48"))
    whole = row("Table 1", "Llama2-7B", "8:16", "ACT", MILD, perplexity="7.10")
    assert find("copies", whole, three) == []
    few = [row("Table 1", m, "8:16", "ACT", MILD[:3]) for m in ("Llama2-7B", "Qwen2.5-7B")]
    assert find("copies", *few) == []
    method = row("Table 1", "Llama2-7B", "8:16", "VAR", MILD, perplexity="7.20")
    assert find("copies", whole, method) == []  # one model: methods may agree ...
    method = row("Table 1", "Llama2-7B", "8:16", "VAR", MILD, perplexity="7.10")
    assert len(find("copies", whole, method)) == 1  # ... but not in perplexity too
    again = row("Table 3", "Llama2-7B", "8:16", "ACT", MILD)
    assert find("copies", whole, again) == []  # the same run, printed twice


# logs ----------------------------------------------------------------------------------------

ASKED = ("none", "variance", "shift")


def unstructured(place: str, mitigation: str, acc: Sequence[str]) -> Result:
    method = f"unstructured_act_magnitude / {mitigation}"
    return log(place, "Llama-2-7b-hf", "unstructured-0.5", method, acc)


def test_runs_whose_mitigation_changed_nothing() -> None:
    values = ("0.71234567", "0.8", "0.6", "0.5")
    logs = [unstructured(f"run-{asked}", asked, values) for asked in ASKED]
    (finding,) = find("ignored", *logs)
    assert finding.id == "ignored-llama2-7b-50-magnitude"
    assert {cell.place for cell in finding.cells} == {"run-variance", "run-shift"}
    assert len(finding.cells) == 8 and "plain ACT" in finding.consequence
    other = unstructured("run-variance", "variance", ("0.71234568", *values[1:]))
    assert find("ignored", logs[0], other) == []  # a last digit apart: two runs
    assert find("ignored", logs[1], logs[1]) == []  # the same asked for
    short = [unstructured(asked, asked, values[:3]) for asked in ASKED]
    assert find("ignored", *short) == []


def test_a_run_whose_mitigation_was_ignored_is_compared_as_the_plain_method() -> None:
    values = ("0.76", "0.76", "0.76", "0.49")
    logs = [unstructured(f"run-{asked}", asked, values) for asked in ASKED]
    plain = row("Table 1", "Llama2-7B", "unstructured-0.5", "ACT", MILD)
    var = row("Table 1", "Llama2-7B", "unstructured-0.5", "VAR", SPARSE)
    assert find("logs", dense(), plain, var, *logs) == []
    assert [str(one.row) for one in confirmed([dense(), plain, var, *logs], NAMES)] == [
        "Table 1, Llama2-7B, unstructured-0.5, ACT"
    ]


def test_a_table_that_its_log_contradicts() -> None:
    run = log(
        "run-one", "Llama-2-7b-hf", "2:4", RUN + "variance", ("0.7249", "0.7612", "0.66", "0.45")
    )
    table = row("Table 1", "Llama2-7B", "2:4", "VAR", SPARSE, drop="12.50")
    average = four("5", "12.5", "2.5", "2.5", "2.5", method="VAR")
    (finding,) = find("logs", dense(), table, *average, run)
    assert finding.id == "log-llama2-7b-2-4-var"
    assert marked(finding) == {  # 0.72 and 0.76 are the log's, cut or rounded
        ("Table 1", "Llama2-7B", "2:4", "VAR", "acc piqa"),
        ("Table 1", "Llama2-7B", "2:4", "VAR", "average_drop"),
        ("Table 2", "Llama2-7B", "2:4", "VAR", "average_drop"),
        ("Table 2", "AVERAGE", "2:4", "VAR", "average_drop"),
    }
    assert "piqa printed 0.60, logged 0.6600" in finding.evidence
    assert "becomes 4.48 instead of 5.00" in finding.consequence  # 10.43 for 12.50
    assert confirmed([dense(), table, run], NAMES) == []


def test_two_logs_of_one_experiment_are_read_together() -> None:
    table = row("Table 1", "Llama2-7B", "2:4", "VAR", SPARSE, drop="12.50")
    halves = [
        row("one", "Llama-2-7b-hf", "2:4", RUN + "variance", SPARSE[:2], commit="a", window=2048),
        row(
            "two", "Llama-2-7b-hf", "2:4", RUN + "variance", SPARSE[2:], tasks=TASKS[2:], commit="a"
        ),
    ]
    (both,) = confirmed([dense(), table, *halves], NAMES)
    assert str(both.logged) == "log one and log two"
    assert both.drop is not None and both.drop.value == pytest.approx(12.5)
    assert confirmed([dense(), table, halves[0]], NAMES) == []


# perplexity ----------------------------------------------------------------------------------


def test_a_sparse_perplexity_below_dense() -> None:
    rows = [
        row("Table 1", "Llama2-7B", "8:16", method, perplexity=text)
        for method, text in (("ACT", "6.01"), ("VAR", "5.99"), ("LPTS", "5.50"))
    ]
    untrained, trained = find("perplexity", dense(), *rows)
    assert marked(untrained) == {("Table 1", "Llama2-7B", "8:16", "VAR", "perplexity")}
    assert marked(trained) == {("Table 1", "Llama2-7B", "8:16", "LPTS", "perplexity")}
    assert "in-domain" in trained.consequence and "in-domain" not in untrained.consequence
    assert find("perplexity", dense("Table 3"), *rows) == []  # another place


def perplexity_log(text: str) -> Result:
    method = RUN + "variance"
    return row(
        "run-one",
        "Qwen2.5-7B-Instruct",
        "2:4",
        method,
        perplexity=text,
        commit="a",
        window=512,
        scope="o,gate,up,down",
    )


def test_a_perplexity_of_another_window_and_one_that_no_log_has() -> None:
    rows = [
        row("Table 1", "Qwen2.5-7B", "2:4", method, perplexity=text)
        for method, text in (("ACT", "9.00"), ("VAR", "13.95"))
    ]
    (same,) = find("perplexity", *rows, perplexity_log("13.9590"))
    assert same.id == "window-qwen2-5-7b-var" and "512" in same.title
    assert marked(same) == {("Table 1", "Qwen2.5-7B", "2:4", "VAR", "perplexity")}
    (other,) = find("perplexity", *rows, perplexity_log("166.4"))
    assert other.id == "perplexity-log-qwen2-5-7b-2-4-var" and other.cells == same.cells


# settings and order --------------------------------------------------------------------------

LOW, HIGH = ("0.65", "0.80", "0.72", "0.53"), ("0.80", "0.80", "0.72", "0.54")


def test_rows_of_two_settings_in_one_column() -> None:
    rows = [
        dense(acc=("0.69", "0.82", "0.75", "0.56")),
        row("Table 1", "Llama2-7B", "8:16", "ACT", LOW, drop="4", perplexity="8.61"),
        row("Table 1", "Llama2-7B", "8:16", "D-PTS", HIGH, drop="-2", perplexity="8.60"),
        row("Table 1", "Llama2-7B", "8:16", "LPTS", ("0.67", *LOW[1:]), drop="3", perplexity="8"),
        row("Table 1", "Llama2-7B", "8:16", "VAR", ("0.76", *LOW[1:]), drop="0", perplexity="9"),
        row("Table 1", "Llama2-7B", "8:16", "WT", ("0.20", *LOW[1:]), drop="20", perplexity="8.6"),
        row("Table 2", "Llama2-7B", "8:16", "D-PTS", drop="-2"),
    ]
    (finding,) = find("settings", *rows)
    assert finding.id == "settings-table-1-llama2-7b" and finding.certainty == "inferred"
    assert "ACT 0.65, LPTS 0.67 and dense 0.69; and VAR 0.76 and D-PTS 0.80" in finding.evidence
    assert marked(finding) == {
        *of_row("Table 1", "Llama2-7B", "8:16", "D-PTS"),
        *of_row("Table 1", "Llama2-7B", "8:16", "VAR"),
        ("Table 2", "Llama2-7B", "8:16", "D-PTS", "average_drop"),
    }


@pytest.mark.parametrize(
    ("method", "accuracies", "perplexity"),
    [
        ("D-PTS", HIGH, "9.10"),  # another perplexity
        ("D-PTS", ("0.69", *LOW[1:]), "8.60"),  # within 4 standard errors
        ("LPTS", HIGH, "8.60"),  # trained on the text of the perplexity
        ("WT", HIGH, "8.60"),  # pruned weights
    ],
)
def test_rows_that_may_differ_are_of_one_setting(
    method: str, accuracies: Sequence[str], perplexity: str
) -> None:
    act = row("Table 1", "Llama2-7B", "8:16", "ACT", LOW, perplexity="8.61")
    other = row("Table 1", "Llama2-7B", "8:16", method, accuracies, perplexity=perplexity)
    assert find("settings", dense(), act, other) == []


def test_a_milder_pattern_that_is_worse() -> None:
    harsh = row("Table 1", "Llama2-7B", "2:4", "ACT", HIGH, drop="1", perplexity="35")
    mild = row("Table 3", "Llama2-7B", "8:16", "ACT", LOW, drop="5", perplexity="25")
    (finding,) = find("order", harsh, mild)
    assert (
        finding.id == "order-llama2-7b-8-16-act"
        and "0.65 against 0.80 on arc_easy" in finding.title
    )
    assert marked(finding) == of_row("Table 3", "Llama2-7B", "8:16", "ACT")
    same = row("Table 3", "Llama2-7B", "8:16", "ACT", LOW, perplexity="34")
    assert find("order", harsh, same) == []  # perplexity hardly better either


def test_a_milder_pattern_with_the_higher_perplexity() -> None:
    harsh = row("Table 1", "Llama2-7B", "2:4", "WT", LOW, perplexity="20")
    mild = row("Table 3", "Llama2-7B", "8:16", "WT", HIGH, perplexity="23")
    (finding,) = find("order", harsh, mild)
    assert {cell.metric for cell in finding.cells} == {"perplexity"} and len(finding.cells) == 2
    assert (
        find("order", harsh, row("Table 3", "Llama2-7B", "8:16", "WT", LOW, perplexity="23")) == []
    )


def test_which_pattern_is_milder() -> None:
    patterns = ("2:4", "4:8", "8:16", "16:32")
    shares = ("unstructured-0.7", "unstructured-0.5", "unstructured-0.2")
    for ranked in (patterns, shares):
        rows = [Row(row("Table 1", "Llama2-7B", pattern, "ACT"), "ACT") for pattern in ranked]
        for harsh, mild in pairwise(rows):
            assert is_milder(mild, harsh) and not is_milder(harsh, mild)
    two_four, half = (Row(row("T", "Llama2-7B", p, "ACT"), "ACT") for p in (patterns[0], shares[1]))
    assert not is_milder(half, two_four) and not is_milder(two_four, half)


# typos and noise -----------------------------------------------------------------------------


def test_one_wrong_digit() -> None:
    others = [
        row("Table 1", "Llama2-7B", "8:16", method, MILD, drop="4.25") for method in ("ACT", "VAR")
    ]
    wrong = row("Table 1", "Llama2-7B", "8:16", "CLACT", (*MILD[:2], "0.86", MILD[3]), drop="4.25")
    (finding,) = find("typos", dense(), *others, wrong)
    assert finding.id == "typo-table-1-llama2-7b-clact-piqa" and "probably 0.76" in finding.title
    assert marked(finding) == {("Table 1", "Llama2-7B", "8:16", "CLACT", "acc piqa")}
    two = row(
        "Table 1", "Llama2-7B", "8:16", "CLACT", ("0.86", MILD[1], "0.86", MILD[3]), drop="4.25"
    )
    assert find("typos", dense(), *others, two) == []
    assert find("typos", dense(), wrong) == []  # nothing to hold the row against
    wide = row("Table 1", "Llama2-7B", "8:16", "D-PTS", SPARSE, drop="12.50")
    inside = row("Table 1", "Llama2-7B", "8:16", "CLACT", MILD, drop="7.38")  # 0.66 would do
    assert find("drops", dense(), *others, wide, inside) != []
    assert find("typos", dense(), *others, wide, inside) == []


def column(*drops: str) -> list[Result]:
    methods = ("ACT", "VAR", "CLACT", "D-PTS", "S-PTS")
    return [
        dense(),
        *(
            row("Table 1", "Llama2-7B", "8:16", method, MILD, drop=text)
            for method, text in zip(methods, drops, strict=False)
        ),
    ]


def test_methods_that_differ_no_more_than_chance() -> None:
    (finding,) = find("noise", *column("4.0", "4.5", "5.0", "5.5", "6.0"))
    assert finding.id == "noise-table-1-llama2-7b-8-16" and finding.cells == ()
    assert "4.0 to 6.0" in finding.title and "0.79" in finding.title
    assert find("noise", *column("4", "6", "8", "10", "12")) == []  # more than chance
    assert find("noise", *column("4.0", "4.5", "5.0", "5.5")) == []  # too few


def test_the_limit_is_the_95th_percentile_of_a_chi_square() -> None:
    assert limit(2) == pytest.approx(1.959964)  # one difference of two: the normal's
    assert limit(14) ** 2 * 13 == pytest.approx(22.362, abs=1e-3)


# all together --------------------------------------------------------------------------------


def test_findings_come_in_the_order_of_the_detectors_and_mark_their_cells() -> None:
    wrong = row("Table 1", "Llama2-7B", "2:4", "VAR", SPARSE, drop="30")
    below = row("Table 1", "Llama2-7B", "2:4", "CLACT", SPARSE, drop="12.5", perplexity="5")
    found = audit([dense(), wrong, below], NAMES)
    assert [finding.detector for finding in found] == ["drops", "perplexity"]
    assert {cell.method: [f.id for f in by] for cell, by in marks(found).items()} == {
        "VAR": [found[0].id],
        "CLACT": [found[1].id],
    }


def test_words() -> None:
    assert slug("Table 10", "Llama3.1-8B", "R-SPARSE (64)") == "table-10-llama3-1-8b-r-sparse-64"
    assert [listed(parts) for parts in ([], ["a"], ["a", "b"], "abc")] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
