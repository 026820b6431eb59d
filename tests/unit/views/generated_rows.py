"""Rows of published results and of claims as hypothesis makes them."""

from collections.abc import Mapping

from generated_results import DARK, MODELS, NO_NUMBERS, PATTERNS, SHARES, Call
from hypothesis import strategies as st

from nmviz.core.experiment import Experiment
from nmviz.published.audit import Finding
from nmviz.published.listing import Row
from nmviz.published.listing.row import OWN_SOURCE
from nmviz.views.claims.dot_rows import IntervalRow

FINDING = Finding("made", "typos", "Made <up> & found", "", "inferred", "", ())
METHODS = st.sampled_from(["WT", "ACT", "VAR", "R-Sparse (64)", "CLACT", "wanda, " + "more " * 30])
PLACES = st.sampled_from(["Table 6", "Table 10", "76880aa9-1111"])
TEXT = "2,048 tokens of wiki-leads, windows of 512"
TASKS = st.sampled_from(["BoolQ", "PIQA", "mean over ARC-Easy, BoolQ, PIQA, WinoGrande"])
SCOPES = st.sampled_from([None, None, ("q",), ("o", "gate", "up", "down")])
PRUNED_VALUES: Mapping[str, st.SearchStrategy[float]] = {
    "average_drop": st.one_of(st.just(0.0), st.floats(-1e-7, 1e-7), st.floats(-40, 100)),
    "acc": SHARES,
    "acc_norm": SHARES,
    "prompt_strict": SHARES,
    "perplexity": st.one_of(st.floats(1, 100), st.floats(1, 1e12), st.just(33.5)),
}
SPREADS = st.one_of(st.none(), st.just(0.0), st.floats(1e-9, 0.1), st.floats(0.1, 1e4), NO_NUMBERS)


@st.composite
def row(draw: st.DrawFn, metric: str) -> Row:
    """One number of a paper, of a log, or of a run laid over; some are OUT, some have a finding."""
    live, dense = draw(st.booleans()), metric != "average_drop" and draw(st.integers(0, 4)) == 0
    method = "dense" if dense else draw(METHODS)
    value = draw(PRUNED_VALUES[metric])
    if live:
        value = draw(st.one_of(st.just(value), st.just(value), NO_NUMBERS))
    out = metric == "perplexity" and not live and draw(st.booleans())
    by_task = metric in ("average_drop", "acc", "acc_norm")
    experiment = Experiment.build(
        target="weight" if method == "WT" else "activation",
        pattern="dense" if dense else draw(PATTERNS),
        projections=None if live else draw(SCOPES),
        model="small" if live else "large",
        tasks=("boolq",) if live and by_task else (),
    )
    return Row(
        experiment=experiment,
        model=draw(MODELS),
        method=method,
        metric=metric,
        task=draw(TASKS) if by_task else "",
        value=None if out else value,
        stderr=None if out else draw(SPREADS),
        stderr_from="not known",
        how="measured" if live else draw(st.sampled_from(["printed", "recomputed"])),
        source=OWN_SOURCE if live else "arxiv-2509.22166v1",
        place=TEXT if live else draw(PLACES),
        live=live,
        marks=draw(st.sampled_from([(), (), (FINDING,)])),
    )


@st.composite
def row_calls(draw: st.DrawFn) -> Call:
    """What a published figure is asked for: rows of one quantity, and the costs of live runs
    beside perplexities."""
    metric = draw(st.sampled_from(list(PRUNED_VALUES)))
    rows = draw(st.lists(row(metric), max_size=10))
    if metric == "perplexity":
        beside = [one for one in rows if one.live and draw(st.booleans())]
        rows += [_cost(one) for one in beside]
    return rows, {"dark": draw(DARK)}


def _cost(one: Row) -> Row:
    return Row(**{**vars(one), "metric": "delta_nll", "value": 0.5, "stderr": 0.1})


ENDS = st.one_of(st.floats(0, 5), st.floats(0, 1e9), st.just(float("inf")))
VALUES = st.one_of(st.just(0.0), st.floats(-10, 10), st.floats(-1e9, 1e9), st.floats(0, 1e-9))
SERIES = st.sampled_from(["weights", "activations", "dense", "2:4", "8:16", "whole bits a group"])
LABELS = st.sampled_from(["A", "B, 8:16", "Llama 3.1 8B, 2:4", "label " * 25])


@st.composite
def interval_row(draw: st.DrawFn) -> IntervalRow:
    """A dot with its interval, one without, and one whose interval has no bound."""
    value, known = draw(VALUES), draw(st.booleans())
    low, high = (value - draw(ENDS), value + draw(ENDS)) if known else (None, None)
    return IntervalRow(draw(LABELS), value, low, high, draw(SERIES), draw(st.booleans()))


@st.composite
def interval_calls(draw: st.DrawFn) -> Call:
    """What `interval_rows` is asked for: an axis may begin at 0 where no value is below."""
    rows = draw(st.lists(interval_row(), max_size=8))
    low = min((one.value for one in rows), default=0.0)
    high = max((one.value for one in rows), default=0.0)
    options = {
        "axis": "nats a token saved",
        "title": "What is seen",
        "lines": draw(st.dictionaries(st.just("as good as plain"), VALUES)),
        "dark": draw(DARK),
        "least": 0.0 if low >= 0 and draw(st.booleans()) else None,
        "most": draw(st.sampled_from([None, max(high, 0.0) + 1.0])),
    }
    return rows, options
