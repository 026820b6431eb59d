"""Measure every method at 2:4 and 8:16 and write docs/measured.md. Stored results are not repeated.

NMVIZ_WIKITEXT2=FOLDER .venv/bin/python tools/measure_methods.py
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from scipy.special import stdtrit

from nmviz import service
from nmviz.errors import UserError
from nmviz.experiment import Experiment
from nmviz.methods import ACTIVATION, MITIGATIONS, WEIGHT
from nmviz.results import Measurement, Result

PAGE = Path(__file__).parents[1] / "docs" / "measured.md"
PATTERNS = ("2:4", "8:16", "50%")
AT_A_SHARE = ("magnitude", "teal")  # at P% only what has no N:M form, and what it is held against
CORPUS = "wikitext-2-validation"
TOGETHER = 6  # runs on activations that share a dense pass
COMBINED = (
    ("clact", "d-pts"),
    ("clact", "var"),
    ("amber", "d-pts"),
    ("amber", "var"),
    ("magnitude", "l-pts,var"),
    ("magnitude", "l-pts,ls"),
)
"""Tables 7 and 12 of arXiv 2509.22166."""


def experiments(pattern: str) -> Iterator[Experiment]:
    """Every method alone, then the paper's combinations."""
    if pattern.endswith("%"):
        for name in AT_A_SHARE:
            yield Experiment.build(pattern=pattern, corpus=CORPUS, criterion=name)
        return
    calls = [("weight", name, "") for name in WEIGHT]
    calls += [("activation", name, "") for name in ACTIVATION]
    calls += [("activation", "magnitude", name) for name in MITIGATIONS]
    calls += [("activation", *pair) for pair in COMBINED]
    for target, criterion, mitigations in calls:
        fields = {"target": target, "criterion": criterion, "mitigations": mitigations}
        try:
            yield Experiment.build(pattern=pattern, corpus=CORPUS, **fields)
        except UserError as reason:
            print(f"left out: {reason}", file=sys.stderr)


def measure(experiments: Sequence[Experiment]) -> Iterator[Result]:
    """The results, from the store or live, a few at a time so that they share the dense pass."""
    at_once = 1 if experiments[0].target == "weight" else TOGETHER
    for start in range(0, len(experiments), at_once):
        *_, last = service.run(experiments[start : start + at_once])
        for result in last.results:
            said = f"{_name(result.experiment)} {result.experiment.pattern}: {_delta(result)}"
            print(said, file=sys.stderr, flush=True)
            yield result


def page(results: dict[str, list[Result]]) -> str:
    """The whole page, from measured results alone."""
    first = next(iter(results.values()))[0]
    dense = _measured(first, "dense_perplexity")
    head = f"""# What the methods do here

Measured with `tools/measure_methods.py` (any row: `nmviz run --corpus {CORPUS} --pattern ...`):
SmolLM2 135M Instruct (weights stored in 4 bits, computed in fp32), WikiText-2 validation,
{first.experiment.tokens:,} tokens in windows of {first.experiment.window}, all layers pruned.
Dense perplexity {dense.value:.2f}. Best to worst; ± is one standard error of the paired
difference to dense in nats a token, from {dense.n} {dense.unit_of_n}. Calibration and training: 16
windows of 512 tokens of wiki-leads, one epoch. Rounding alone moves a row by up to 0.02.
"""
    return head + "".join(_section(pattern, found) for pattern, found in results.items())


def _section(pattern: str, results: list[Result]) -> str:
    ordered = sorted(results, key=lambda result: _measured(result, "delta_nll").value)
    rows = "".join(_row(result) for result in ordered)
    plain = next(r for r in results if _name(r.experiment) == "activations, magnitude")
    return f"""
## {pattern}

The smallest difference that could be seen at all between two rows that err like activations by
magnitude, taken as unpaired, is about {_smallest(plain):.2f} nats a token (95%).

| method | perplexity | cost, nats a token | same next word | held-out error before, after |
|---|---|---|---|---|
{rows}"""


def _row(result: Result) -> str:
    perplexity = _measured(result, "perplexity").value
    agreement = _measured(result, "top1_agreement").value
    before, after = (result.get(f"heldout_loss_{when}") for when in ("before", "after"))
    trained = f"{before.value:.4f}, {after.value:.4f}" if before and after else ""
    return (
        f"| {_name(result.experiment)} | {perplexity:,.1f} | {_delta(result)} | {agreement:.1%} "
        f"| {trained} |\n"
    )


def _name(experiment: Experiment) -> str:
    target = {"activation": "activations", "weight": "weights"}[experiment.target]
    return f"{target}, {' + '.join((experiment.criterion, *experiment.mitigations))}"


def _delta(result: Result) -> str:
    delta = _measured(result, "delta_nll")
    return f"{delta.value:.3f} ± {delta.stderr:.3f}"


def _smallest(result: Result) -> float:
    """Smallest difference of two unpaired rows that a 95% interval would not put at zero."""
    delta = _measured(result, "delta_nll")
    return float(stdtrit((delta.n or 2) - 1, 0.975) * 2**0.5 * (delta.stderr or 0.0))


def _measured(result: Result, metric: str) -> Measurement:
    found = result.get(metric)
    assert found is not None, f"{metric} was not measured"
    return found


def main() -> None:
    """Measure what is missing and write the page."""
    found: dict[str, list[Result]] = {pattern: [] for pattern in PATTERNS}
    for pattern in PATTERNS:
        for _, group in groupby(experiments(pattern), lambda one: one.target):
            found[pattern] += measure(list(group))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(found), encoding="utf-8")
    print(f"written: {PAGE.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
