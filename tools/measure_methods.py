"""Measure the grid results/grids/methods.yaml, as far as it is not stored, and write
docs/measured.md.

NMVIZ_WIKITEXT2=FOLDER .venv/bin/python tools/measure_methods.py
"""

import sys
from pathlib import Path

from scipy.special import stdtrit

from nmviz.experiment import Experiment
from nmviz.results import Measurement, Result
from nmviz.service import planning
from nmviz.service.sweep import Outcome, sweep
from nmviz.sweeps import read_grid

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "measured.md"
GRID = PROJECT / "results" / "grids" / "methods.yaml"
PATTERNS = ("2:4", "8:16", "50%")


def page(results: dict[str, list[Result]]) -> str:
    """The whole page, from measured results alone."""
    first = next(iter(results.values()))[0]
    dense = _measured(first, "dense_perplexity")
    head = f"""# What the methods do here

Measured with `nmviz sweep results/grids/{GRID.name}`, written by `tools/measure_methods.py`:
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
| dense | {_measured(plain, "dense_perplexity").value:,.1f} | | | |
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
    grid = read_grid(GRID)
    for event in sweep(planning.plan(grid)):
        if isinstance(event, Outcome):
            print(planning.in_words(event.experiment), file=sys.stderr, flush=True)
    results = planning.stored_results(planning.plan(grid))
    found = {p: [r for r in results if r.experiment.pattern == p] for p in PATTERNS}
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(found), encoding="utf-8")
    print(f"written: {PAGE.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
