"""What pruning does beside the mean: tails, noise floors and changed words of measured runs."""

from collections.abc import Sequence
from itertools import pairwise
from textwrap import fill

from measured_words import as_table, cost_of, measured, method_of, name_of, plural

from nmviz.core.pairing import floor_of, judge
from nmviz.core.results import Result

Rows = Sequence[Result]
COLUMNS = {
    "kl": "KL, mean",
    "kl_median": "median",
    "kl_p99": "99%",
    "kl_p999": "99.9%",
    "delta_p_rms": "delta p, rms",
    "delta_p_p01": "1%",
}
"""Metrics by their column."""
ABOUT = """KL(dense || pruned) is in nats a token, delta p is the change of the right token's
probability. A tail of KL is the value that so many tokens stay below, of delta p the one that 1% of
them stay below. The noise floor is how much the cost moves, root mean square over three draws, when
every layer's output of the pruned model has an error as large as bf16's rounding; a difference of
two costs below the larger floor is none. The last column counts predicted tokens whose likeliest
successor changed."""


def beside_the_mean(runs: Rows, order: Sequence[str]) -> str:
    """The section of a model's runs that have tails and a floor, patterns in that order; empty
    where none has."""
    told = [run for run in runs if run.get("kl_median") and run.floor_of("pruned")]
    if not told:
        return ""
    told.sort(
        key=lambda run: (order.index(run.experiment.pattern), run.experiment.target, _cost(run))
    )
    head = ["", "cost", "noise floor", *COLUMNS.values(), "words changed"]
    dense = told[0].floor_of("dense")
    known = "" if dense is None else f" The dense model's own floor is {dense.delta_nll:.4f}."
    return f"""
### Beside the mean

{fill(ABOUT.replace(chr(10), " ") + known, 100)}

{as_table(head, [_row(run) for run in told])}
{fill(_in_words(told), 100)}
"""


def _row(run: Result) -> list[str]:
    floor = run.floor_of("pruned")
    assert floor is not None
    tails = [_with_error(run, metric) for metric in COLUMNS]
    return [name_of(run), cost_of(run), f"{floor.delta_nll:.4f}", *tails, _changed(run)]


def _with_error(run: Result, metric: str) -> str:
    one = measured(run, metric)
    value = f"{one.value:.3f}".replace("-", "−")
    return value if one.stderr is None else f"{value} ± {one.stderr:.3f}"


def _changed(run: Result) -> str:
    flips = run.flips
    return "" if flips is None else f"{flips.total:,} of {flips.n:,}"


def _cost(run: Result) -> float:
    return measured(run, "delta_nll").value


def _in_words(runs: Rows) -> str:
    """How far the tail lies from the mean, and which differences rounding alone makes."""
    far = [measured(run, "kl_p99").value / measured(run, "kl").value for run in runs]
    said = [
        f"One token in a hundred moves {min(far):.1f} to {max(far):.1f} times as far as the mean "
        f"token in these {len(runs)} runs."
    ]
    below = [pair for pair in _neighbours(runs) if judge(*pair) == "below the noise floor"]
    total = len(_neighbours(runs))
    named = "; ".join(
        f"{plural(one.experiment.target).lower()} {one.experiment.pattern}, {method_of(one)} and "
        f"{method_of(other)}"
        for one, other in below
    )
    said.append(
        f"Of the {total} pairs of methods that stand next to each other in cost, {len(below)} "
        "differ by less than the larger noise floor" + (f": {named}." if below else ".")
    )
    largest = max(runs, key=lambda run: _floor(run))
    said.append(f"The largest floor, {_floor(largest):.3f}, is that of {name_of(largest)}.")
    return " ".join(said)


def _neighbours(runs: Rows) -> list[tuple[Result, Result]]:
    """Runs of one pattern and target next to each other in cost, the dearer first."""
    return [
        (other, one)
        for one, other in pairwise(runs)
        if (one.experiment.pattern, one.experiment.target)
        == (other.experiment.pattern, other.experiment.target)
    ]


def _floor(run: Result) -> float:
    floor = floor_of(run)
    return 0.0 if floor is None else floor.delta_nll
