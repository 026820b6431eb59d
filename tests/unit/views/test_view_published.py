"""Figures of published results: what is drawn, marked and said."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.published import read_names, read_results
from nmviz.published.audit import Finding, marks
from nmviz.published.cells import Cell
from nmviz.published.listing import Row, Selection, rows
from nmviz.views.published.catalogue import FIGURES, KINDS
from nmviz.views.published.heatmap import colour_of, models_by_methods
from nmviz.views.published.ladder import pattern_ladder
from nmviz.views.published.marks import panel_title
from nmviz.views.published.methods import methods_by_model
from nmviz.views.published.pairs import weights_and_activations
from nmviz.views.published.titles import (
    is_clear,
    ladder_sentence,
    methods_sentence,
    pairs_sentence,
    range_sentence,
)
from nmviz.views.shared.theme import title_of

FOLDER = Path(__file__).parents[3] / "results/published"
NAMES = read_names(FOLDER)
RESULTS = read_results(FOLDER, NAMES)
WRONG = Finding(
    "wrong",
    "made",
    "Made <up>",
    "",
    "proved",
    "",
    (Cell("arxiv-2509.22166v1", "Table 6", "Llama3-8B", "8:16", "ACT", "", "acc", "piqa"),),
)


def ask(selection: Selection, live=()) -> list[Row]:
    return rows(RESULTS, NAMES, marks([WRONG]), selection, live)


def points(figure) -> list[tuple]:
    """Every drawn point: name of the trace, x, y, symbol, hover text."""
    return [
        (trace.name, x, y, symbol, hover)
        for trace in figure.data
        if trace.hovertext
        for x, y, symbol, hover in zip(
            trace.x, trace.y, trace.marker.symbol, trace.hovertext, strict=True
        )
        if x is not None  # the gap between two lines of a method
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_every_named_figure_has_points_and_a_finding(name: str) -> None:
    figure = FIGURES[name].draw(ask(FIGURES[name].selection))
    assert sum(len(trace.hovertext or ()) for trace in figure.data) >= 6
    assert len(title_of(figure)) > 30
    assert "nan" not in title_of(figure)
    assert {trace.type for trace in figure.data} <= {"scatter", "bar"}  # a heatmap is a bitmap
    json.loads(figure.to_json())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_everything_and_nothing(kind: str) -> None:
    draw = KINDS[kind][1]
    for metric in ("drop", "acc", "perplexity", "prompt_strict"):
        draw(ask(Selection(metric=metric, tasks=())))
    draw(ask(Selection(metric="acc", tasks=(), each_task=True)), dark=True)
    nothing = draw([])
    assert not nothing.data
    assert "Nothing to draw" in nothing.layout.annotations[0].text


def test_the_ladder_has_the_values_and_their_errors() -> None:
    found = ask(FIGURES["pattern-ladder"].selection)
    figure = pattern_ladder(found)
    drawn = points(figure)
    assert [figure.layout.xaxis.ticktext[round(x)] for _, x, _, _, _ in drawn] == [
        *("2:4", "4:8", "8:16", "16:32", "50%", "70%")
    ]
    assert [y for _, _, y, _, _ in drawn] == pytest.approx([row.value for row in found])
    (line,) = [trace for trace in figure.data if trace.hovertext]
    errors = [e for e, x in zip(line.error_y.array, line.x, strict=True) if x is not None]
    assert errors == pytest.approx([row.stderr for row in found])
    assert line.x.index(None) == 5 and len(line.x) == 7  # 70% keeps less than half: a gap before
    assert title_of(figure).startswith("ACT on Llama 3.1 8B: accuracy lost against dense is 14.35%")


def test_the_lines_of_a_method_are_one_trace_with_gaps() -> None:
    asked = Selection(models=("llama3.1-8b",), methods=("ACT",), each_task=True, tasks=())
    figure = pattern_ladder(ask(asked))
    (line,) = [trace for trace in figure.data if trace.name == "ACT" and trace.hovertext]
    assert [x is None for x in line.x] == [y is None for y in line.y]
    gaps = [place for place, x in enumerate(line.x) if x is None]
    assert len(gaps) > 6 and all(line.error_y.array[place] == 0 for place in gaps)


def test_a_value_with_a_finding_is_hollow_and_names_it() -> None:
    for draw in (pattern_ladder, methods_by_model, weights_and_activations):
        figure = draw(ask(FIGURES["pattern-ladder"].selection))
        marked = [one for one in points(figure) if one[3].endswith("-open")]
        assert len(marked) == 1
        assert "proved: Made &lt;up&gt;" in marked[0][4]
        assert "8:16" in marked[0][4]
        assert any((trace.name or "").startswith("hollow") for trace in figure.data)
    table = models_by_methods(ask(FIGURES["pattern-ladder"].selection))
    assert [text for text in table.data[0].text if text.endswith("†")] == ["7.38†"]


def test_a_censored_value_is_a_triangle_at_the_edge() -> None:
    found = ask(FIGURES["perplexity-ladder"].selection)
    figure = pattern_ladder(found)
    out = [one for one in points(figure) if one[3].startswith("triangle-up")]
    assert len(out) == sum(row.value is None for row in found) == 9
    known = max(row.value for row in found if row.value is not None)
    assert {y for _, _, y, _, _ in out} == {out[0][2]}
    assert out[0][2] > known
    assert all("OUT (above a cut-off)" in hover for *_, hover in out)
    assert "OUT" not in title_of(figure)


def test_weights_and_activations_are_joined_where_both_are_known() -> None:
    found = ask(FIGURES["weights-and-activations"].selection)
    figure = weights_and_activations(found)
    assert len(figure.layout.shapes) == 11  # the paper has no WT at 50% for Llama 3.1
    by_name = {trace.name: trace for trace in figure.data}
    assert by_name["WT"].marker.color == "#D55E00"
    assert by_name["ACT"].marker.color == "#0072B2"
    assert "11 of 11 pairs" in title_of(figure)


def test_methods_stand_in_the_same_row_in_every_panel() -> None:
    figure = methods_by_model(ask(FIGURES["methods-8-16"].selection))
    names = figure.layout.yaxis.ticktext
    assert names[0] == "WT" and len(names) == 15
    for _, _, y, _, hover in points(figure):
        assert hover.startswith(f"<b>{names[y]}, 8:16</b>")
    assert len(points(figure)) == 60
    layers = methods_by_model(ask(FIGURES["layers"].selection))
    assert "LS + L-PTS, k, o, gate, down" in layers.layout.yaxis.ticktext


def test_live_runs_have_a_panel_that_says_what_they_are() -> None:
    run = Result(
        experiment=Experiment.build(pattern="8:16"),
        measurements=(Measurement(metric="perplexity", value=33.5, stderr=2.0, n=31),),
        provenance=Provenance(source="nmviz"),
    )
    asked = Selection(metric="perplexity", patterns=("8:16",), methods=("ACT", "WT"), live=True)
    found = ask(asked, [run])
    for draw in (pattern_ladder, methods_by_model):
        said = [one.text for one in draw(found).layout.annotations]
        assert sum("live: another model, text, protocol" in text for text in said) == 1
    labels = weights_and_activations(found).layout.yaxis.ticktext
    assert sum("live" in label for label in labels) == 1
    assert len(models_by_methods(found).data[0].text) == 8  # no live row among these columns


def test_live_accuracies_say_which_examples_they_are_of() -> None:
    def run(pattern: str, right: float) -> Result:
        acc = Measurement(metric="acc", task="boolq", value=right, stderr=0.05, n=100)
        return Result(
            experiment=Experiment.build(pattern=pattern, tasks="boolq", limit=100),
            measurements=(acc,),
            provenance=Provenance(source="nmviz"),
        )

    asked = {"patterns": ("8:16",), "methods": ("ACT", "WT"), "tasks": ("boolq",), "live": True}
    for metric in ("acc", "drop"):
        found = ask(Selection(metric=metric, **asked), [run("dense", 0.6), run("8:16", 0.5)])
        for draw in (pattern_ladder, methods_by_model):
            said = [one.text for one in draw(found).layout.annotations]
            live = [text for text in said if "live: another model" in text]
            assert len(live) == 1 and "first 100 examples (validation)" in live[0]


def test_the_cells_of_a_heatmap_lie_below_readable_numbers() -> None:
    found = ask(FIGURES["summary-heatmap"].selection)
    words, cells = models_by_methods(found).data
    assert len(cells.marker.color) == len(words.text) == len(found) == 105
    assert cells.x == words.x
    middles = [base + height / 2 for base, height in zip(cells.base, cells.y, strict=True)]
    assert middles == pytest.approx(words.y)
    for value in (-10, 0, 5, 40):
        assert contrast(colour_of(value, 0, 40), "#1F2933") > 4.5


def contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(part, 16) / 255 for part in re.findall("..", colour[1:])]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def row_of(method: str, value: float | None, stderr: float | None, **fields) -> Row:
    target = "weight" if method == "WT" else "activation"
    told = {
        "experiment": Experiment.build(target=target, pattern="8:16"),
        "model": "M",
        "metric": "average_drop",
        "task": "t",
        "stderr_from": "",
        "how": "recomputed",
        "source": "s",
        "place": "Table 1",
    }
    return Row(method=method, value=value, stderr=stderr, **{**told, **fields})


def test_sentences_are_computed_and_weigh_the_noise() -> None:
    weight, activation = row_of("WT", 20.0, 1.0), row_of("ACT", 5.0, 1.0)
    assert pairs_sentence([weight, activation]) == (
        "Pruning activations loses less accuracy than pruning weights in 1 of 1 pairs of model "
        "and pattern; in 1 the difference is over twice its standard error"
    )
    near = row_of("ACT", 18.0, 1.0)
    assert "; in 0 the difference" in pairs_sentence([weight, near])
    assert is_clear(weight, activation) and not is_clear(weight, near)
    worse = row_of("ACT", 30.0, 1.0)
    assert pairs_sentence([weight, worse]).endswith("in 0 of 1 pairs of model and pattern")
    unknown = replace(activation, stderr=None)
    assert "noise is not known" in pairs_sentence([weight, unknown])
    assert pairs_sentence([weight, row_of("ACT", None, None)]) == ""
    other = row_of("VAR", 4.5, 1.0)
    assert "no lead over the second best" in methods_sentence([weight, activation, other])
    far = row_of("VAR", 0.5, 1.0)
    assert methods_sentence([weight, activation, far]).endswith("second best is clear")
    assert "VAR on M" in methods_sentence([weight, activation, far])
    assert ladder_sentence([activation]) == (
        "ACT on M at 8:16: accuracy lost against dense is 5.00%"
    )


def test_sentences_mark_what_has_a_finding_and_count_it() -> None:
    found = (Finding("made", "typos", "", "", "inferred", "", ()),)
    weight, activation = row_of("WT", 20.0, 1.0), row_of("ACT", 5.0, 1.0, marks=found)
    assert "in 1 of 1 pairs of model and pattern, 1 of the 1 pairs with a finding (†);" in (
        pairs_sentence([weight, activation])
    )
    said = methods_sentence([activation, row_of("VAR", 0.5, 1.0)])
    assert said.startswith("Least accuracy lost among pruned activations: VAR on M (0.50%), 1 of")
    assert "1 of the 1 leads with a finding (†)" in said
    assert "VAR on M (0.50%†)" in methods_sentence([row_of("VAR", 0.5, 1.0, marks=found), weight,
                                                    row_of("ACT", 5.0, 1.0)])  # fmt: skip
    assert ladder_sentence([activation]).endswith("is 5.00%†")


def test_more_is_better_for_accuracies() -> None:
    weight = row_of("WT", 0.5, 0.01, metric="acc")
    activation = row_of("ACT", 0.7, 0.01, metric="acc")
    assert "keeps more accuracy than pruning weights in 1 of 1" in pairs_sentence(
        [weight, activation]
    )
    other = row_of("VAR", 0.8, 0.01, metric="acc")
    assert "Highest accuracy among pruned activations: VAR" in methods_sentence([activation, other])


def test_no_sentence_counts_live_runs_among_the_published() -> None:
    printed = [row_of("WT", 20.0, 1.0), row_of("ACT", 5.0, 1.0), row_of("VAR", 4.0, 1.0)]
    live = [row_of("WT", 90.0, 1.0, live=True), row_of("ACT", -9.0, 1.0, live=True)]
    for sentence in (pairs_sentence, ladder_sentence, methods_sentence, range_sentence):
        assert sentence([*live, *printed]) == sentence(printed) != ""
        assert "90" in range_sentence(live)  # with nothing else they are what is told


def test_live_runs_of_one_model_that_read_different_texts_are_told_apart() -> None:
    """Same model and pattern; another text, budget or window."""
    read = [
        *(("wiki-leads", 2048, 512), ("wikitext-2", 2048, 512), ("wikitext-2", 8192, 512)),
        ("wikitext-2", 8192, 256),
    ]
    long = "an-organisation--" + "fine-tuned-" * 12 + "final"
    rows = [_live_row(long, corpus, tokens, window) for corpus, tokens, window in read]
    ticks = weights_and_activations(rows).layout.yaxis.ticktext
    assert len(set(ticks)) == len(read), ticks
    assert "wikitext-2, 8,192 tokens in 256s" in ticks[3]
    assert len({panel_title(row) for row in rows}) == len(read)
    assert all(len(line) <= 60 for tick in ticks for line in tick.split("<br>"))


def _live_row(model: str, corpus: str, tokens: int, window: int) -> Row:
    experiment = Experiment.build(model=model, corpus=corpus, tokens=tokens, window=window)
    return Row(
        experiment=experiment,
        model=model,
        method="ACT",
        metric="perplexity",
        task="",
        value=40.0,
        stderr=1.0,
        stderr_from="windows",
        how="measured",
        source="nmviz",
        place=f"{tokens:,} tokens of {corpus}, windows of {window}",
        live=True,
    )
