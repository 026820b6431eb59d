"""What the audit finds in the published numbers: the thirteen known findings, and no more noise."""

from collections import Counter

import pytest

from nmviz.published import read_names, read_results
from nmviz.published.audit import DETECTORS, KNOWN, Finding, audit, confirmed, marks
from nmviz.published.cells import cells
from nmviz.store.database import published_folder

FOLDER = published_folder()
assert FOLDER is not None
NAMES = read_names(FOLDER)
RESULTS = read_results(FOLDER, NAMES)
FINDINGS = {finding.id: finding for finding in audit(RESULTS, NAMES)}


def found(name: str) -> Finding:
    return FINDINGS[name]


def places(finding: Finding) -> set[str]:
    """The marked cells as `Table 2, Gemma3-4B, 2:4, VAR: average_drop`."""
    return set(map(str, finding.cells))


def test_how_many_findings_each_detector_makes() -> None:
    assert Counter(finding.detector for finding in FINDINGS.values()) == {
        "contradictions": 5,
        "copies": 1,
        "drops": 6,
        "logs": 4,
        "ignored": 3,
        "perplexity": 5,
        "settings": 4,
        "order": 3,
        "typos": 2,
        "noise": 2,
    }
    assert len(FINDINGS) == len(audit(RESULTS, NAMES)) == 35  # no id twice


def test_the_order_of_the_rows_changes_nothing() -> None:
    """A store gives them in the order in which they were added, which updates change."""
    backwards = audit(RESULTS[::-1], NAMES)
    assert {finding.id: set(finding.cells) for finding in backwards} == {
        name: set(finding.cells) for name, finding in FINDINGS.items()
    }


def test_how_many_numbers_are_marked() -> None:
    known = {cell for result in RESULTS for cell in cells(result)}
    marked = marks(FINDINGS.values())
    assert set(marked) <= known
    assert Counter(cell.source for cell in marked) == {
        "arxiv-2509.22166v1": 266,
        "authors-logs": 50,
    }


@pytest.mark.parametrize("finding", FINDINGS.values(), ids=lambda finding: finding.id)
def test_a_finding_says_what_where_why_and_what_then(finding: Finding) -> None:
    assert finding.detector in DETECTORS
    for text in (finding.title, finding.evidence, finding.consequence):
        assert text[0].isalnum() and text.endswith(".") and "  " not in text and ".." not in text
    assert any(digit in finding.title for digit in "0123456789")
    assert len(finding.title) < 260
    assert finding.cells or finding.detector == "noise"


def test_the_thirteen_are_all_accounted_for() -> None:
    assert [known.number for known in KNOWN] == list(range(1, 14))
    for known in KNOWN:
        assert set(known.ids) <= set(FINDINGS)
        assert known.ids or known.reason
        assert known.sentence.endswith(".") and known.reason.endswith((".", ""))
    assert [known.number for known in KNOWN if not known.ids] == [4]


def test_1_mitigations_that_were_ignored_at_llama() -> None:
    seven, five = (
        found("ignored-llama3-1-8b-70-magnitude"),
        found("ignored-llama3-1-8b-50-magnitude"),
    )
    assert "4399c8d6" in seven.title and "all 10 values" in seven.title
    assert {cell.place[:8] for cell in seven.cells} == {"74bc18ff", "b8714634"}
    assert "7d5cdfac" in five.title
    assert {cell.place[:8] for cell in five.cells} == {"74094da0"}
    assert (len(seven.cells), len(five.cells)) == (20, 10)
    assert {seven.certainty, five.certainty} == {"proved"}


def test_2_qwens_runs_of_clact_with_a_shift() -> None:
    ignored, log = found("ignored-qwen2-5-7b-2-4-clact"), found("log-qwen2-5-7b-2-4-clact")
    assert {cell.place[:8] for cell in ignored.cells} == {"472192f7", "f96e22e6"}
    assert "plain CLACT" in ignored.consequence
    assert "winogrande printed 0.67, logged 0.6385" in log.evidence
    assert "Table 10, Qwen2.5-7B, 2:4, CLACT: acc of winogrande" in places(log)


def test_3_the_log_of_amber_pruner() -> None:
    finding = found("log-llama3-1-8b-70-amber-pruner")
    assert "30.68 against 31.15" in finding.title
    assert {cell.task or cell.metric for cell in finding.cells} == {
        "arc_easy",
        "boolq",
        "piqa",
        "winogrande",
        "average_drop",
    }


def test_4_the_rows_that_logs_reproduce() -> None:
    pairs = {str(one.row): str(one.logged) for one in confirmed(RESULTS, NAMES)}
    assert pairs == {
        "Table 4, Llama3-8B, unstructured-0.7, ACT": "log 4399c8d6, log 74bc18ff and log b8714634",
        "Table 4, Llama3-8B, unstructured-0.7, CLACT": "log 00768aa7",
        "Table 6, Llama3-8B, unstructured-0.5, ACT": "log 74094da0 and log 7d5cdfac",
        "Table 6, Llama3-8B, unstructured-0.7, ACT": "log 4399c8d6, log 74bc18ff and log b8714634",
        "Table 10, Llama2-7B, 2:4, VAR": "log 065ef05e and log 7c5c79e4",
        "Table 10, Llama3.1-8B, 2:4, CLACT": "log 76880aa9",
        "Table 10, Qwen2.5-7B, 2:4, VAR": "log f7b49fe0",
        "Table 11, Llama2-7B, 8:16, VAR": "log d4a47f4a",
        "Table 11, Llama3.1-8B, 8:16, CLACT": "log 31f709a5",
        "Table 11, Gemma3-4B, 8:16, VAR": "log 818d340c",
    }


def test_5_the_copied_row() -> None:
    finding = found("copy-table-11-qwen2-5-7b-8-16-var")
    assert "0.69, 0.72, 0.75, 0.65" in finding.title and finding.certainty == "proved"
    assert "799f509d" in finding.evidence and "-5.81" in finding.evidence
    assert "becomes 1.37 instead of 3.30" in finding.consequence
    assert places(finding) == {
        "Table 11, Qwen2.5-7B, 8:16, VAR: acc of arc_easy",
        "Table 11, Qwen2.5-7B, 8:16, VAR: acc of boolq",
        "Table 11, Qwen2.5-7B, 8:16, VAR: acc of piqa",
        "Table 11, Qwen2.5-7B, 8:16, VAR: acc of winogrande",
        "Table 11, Qwen2.5-7B, 8:16, VAR: average_drop",
        "Table 2, Qwen2.5-7B, 8:16, VAR: average_drop",
        "Table 2, AVERAGE, 8:16, VAR: average_drop",
    }


def test_6_the_headline_of_s_pts() -> None:
    finding = found("tables-llama3-1-8b-2-4-s-pts")
    assert "7.31 in Table 2, 14.61 and 14.31 in Table 10" in finding.title
    assert "becomes 6.12 or 6.05 instead of 4.29" in finding.consequence
    assert "no longer the lowest there (D-PTS, 5.84)" in finding.consequence
    assert "7.31 is 0.01 from the value of Table 2, Llama3-8B, 8:16, S-PTS" in finding.evidence
    assert places(finding) == {
        "Table 2, Llama3-8B, 2:4, S-PTS: average_drop",
        "Table 2, AVERAGE, 2:4, S-PTS: average_drop",
    }


def test_7_gemma_in_table_2() -> None:
    shift, var = found("tables-gemma3-4b-2-4-l-pts"), found("tables-gemma3-4b-2-4-var")
    assert "4.21 is also the value of Table 2, Gemma3-4B, 8:16, L-PTS" in shift.evidence
    assert "becomes 10.03 instead of 8.79" in shift.consequence
    assert "2.96 in Table 2, 5.04 in Table 10" in var.title
    assert "5.03" in var.evidence and "12.90" in var.evidence
    assert "becomes 6.61 instead of 6.09" in var.consequence
    for finding in (shift, var):
        assert {cell.place for cell in finding.cells} == {"Table 2"}
    log = found("log-gemma3-4b-2-4-var")
    assert "arc_easy printed 0.60, logged 0.7024" in log.evidence
    assert {cell.task for cell in log.cells} == {"arc_easy", "piqa", "winogrande"}


def test_8_drops_that_do_not_recompute() -> None:
    qwen, gemma = found("drop-table-9-qwen2-5-7b"), found("drop-table-9-gemma3-4b")
    assert "all 8" in qwen.title and "12.12 instead of 40.81" in qwen.title
    assert "unstructured-0.5 WT 3.42, 10.04" in qwen.evidence
    assert "all 8" in gemma.title and "1.70 to 2.20 points" in gemma.consequence
    assert Counter(cell.metric for cell in qwen.cells) == {"average_drop": 10, "acc": 32}
    assert Counter(cell.metric for cell in gemma.cells) == {"average_drop": 10}
    for finding, model in ((qwen, "Qwen2.5-7B"), (gemma, "Gemma3-4B")):
        assert {
            f"Table 2, {who}, unstructured-0.5, ACT: average_drop" for who in (model, "AVERAGE")
        } <= places(finding)
        assert "With all its drops of this kind corrected, 2.72." in finding.consequence
    weights = found("drop-table-11-qwen2-5-7b-8-16-wt")
    assert "9.54" in weights.title and "10.79" in weights.title
    assert "Table 2, Qwen2.5-7B, 8:16, WT: average_drop" in places(weights)
    assert "Table 2, AVERAGE, 8:16, WT: average_drop" in places(weights)
    assert weights.certainty == "inferred"  # 1.25 of the 1.33 that rounding could add up to
    typo = found("typo-table-11-qwen2-5-7b-clact-d-pts-piqa")
    assert "0.83 on piqa is probably 0.73" in typo.title and "-8.48, printed -5.06" in typo.title
    shift = found("drop-table-11-qwen2-5-7b-8-16-clact-d-pts")
    assert "Table 7, AVERAGE, 8:16, CLACT + PTS: average_drop" in places(shift)
    assert "average of Table 7 becomes 1.55 instead of 2.40" in shift.consequence
    assert not any(finding.id.startswith("drop-table-10-llama") for finding in FINDINGS.values())


def test_9_magnitude_at_half() -> None:
    finding = found("tables-llama3-1-8b-50-act")
    assert "0.777 in Table 4, 0.782 in Table 6" in finding.title
    assert "4.3 in Table 2 and Table 6, 4.45 in Table 4" in finding.title
    assert "0.7820" in finding.evidence
    assert places(finding) == {
        "Table 4, Llama3-8B, unstructured-0.5, ACT: acc of arc_easy",
        "Table 4, Llama3-8B, unstructured-0.5, ACT: average_drop",
    }


def test_10_gemmas_perplexity() -> None:
    finding = found("perplexity-log-gemma3-4b-2-4-var")
    assert "33.25" in finding.title and "166.4" in finding.title and "512" in finding.evidence
    window = found("window-qwen2-5-7b-var")
    assert "13.95 and 11.91" in window.title and "512" in window.title


@pytest.mark.parametrize(
    ("table", "model", "apart"),
    [
        ("table-10", "qwen2-5-7b", {"ACT", "LPTS", "LPTS + VAR", "dense"}),
        ("table-11", "qwen2-5-7b", {"ACT", "LPTS", "LPTS + VAR", "dense"}),
        ("table-10", "gemma3-4b", {"ACT", "LPTS", "LPTS + VAR"}),
        ("table-11", "gemma3-4b", {"ACT", "LPTS", "LPTS + VAR", "D-PTS"}),
    ],
)
def test_11_rows_of_two_settings(table: str, model: str, apart: set[str]) -> None:
    finding = found(f"settings-{table}-{model}")
    low = finding.evidence.partition("widest gap on ")[2].partition(": ")[2].partition("; and")[0]
    told = {part.rpartition(" ")[0] for part in low.replace(" and ", ", ").split(", ")}
    assert told == apart and finding.certainty == "inferred"
    of_rows = {
        metric: {c.method for c in finding.cells if c.metric == metric}
        for metric in ("acc", "average_drop")
    }
    assert of_rows["acc"] <= of_rows["average_drop"] and "dense" not in of_rows["acc"]


def test_11_gemmas_shift_is_worse_at_the_milder_pattern() -> None:
    finding = found("order-gemma3-4b-8-16-d-pts")
    assert "0.54 against 0.60 on winogrande" in finding.title
    assert "25.17 against 35.94" in finding.title


def test_11_no_other_column_is_mixed() -> None:
    mixed = {finding.id for finding in FINDINGS.values() if finding.detector == "settings"}
    assert all("qwen" in name or "gemma" in name for name in mixed)


def test_12_perplexities_below_dense() -> None:
    finding = found("below-dense-table-11-llama2-7b")
    assert {cell.method for cell in finding.cells} == {
        "D-PTS",
        "S-PTS",
        "VAR",
        "CLACT",
        "CLACT + VAR",
        "Amber-Pruner + PTS",
        "Amber-Pruner + VAR",
    }
    assert "6.94" in finding.title and "Llama-2-7b-hf" in finding.evidence
    trained = found("below-dense-table-11-gemma3-4b-trained")
    assert {cell.method for cell in trained.cells} == {
        "LPTS",
        "LPTS + VAR",
        "R-SPARSE (64)",
        "R-SPARSE (128)",
    }


def test_13_methods_differ_as_much_as_noise_and_patterns_by_more() -> None:
    finding = found("noise-table-11-llama3-1-8b-8-16")
    assert "14 activation methods, 6.79 to 8.60 %" in finding.title
    assert "standard deviation of 0.69 points; noise alone gives 0.65" in finding.title
    assert "2:4 14.35, 4:8 9.29, 8:16 7.38, 16:32 5.40, 14 standard errors" in finding.evidence
    columns = {name for name in FINDINGS if name.startswith("noise")}
    assert columns == {finding.id, "noise-table-4-llama3-8b-unstructured-0-5"}


def test_what_nobody_had_noted() -> None:
    assert (
        "43.39 is that of unstructured-0.9 WT"
        in found("drop-table-9-llama2-7b-unstructured-0-9-act").title
    )
    assert "8.44 is also the value of Table 2, Llama3-8B, 8:16, R-SPARSE (64)" in (
        found("tables-llama3-1-8b-8-16-r-sparse-128").evidence
    )
    assert "14.59 against 14.03" in found("log-llama3-1-8b-2-4-d-pts").title
    assert (
        "22.56 at 8:16 is above 20.14 at 2:4" in found("order-perplexity-llama3-1-8b-8-16-wt").title
    )
    assert "40.79 at 8:16 is above 35.37" in found("order-perplexity-qwen2-5-7b-8-16-wt").title
    assert (
        "0.52 on winogrande is probably 0.55"
        in found("typo-table-11-qwen2-5-7b-wt-winogrande").title
    )
